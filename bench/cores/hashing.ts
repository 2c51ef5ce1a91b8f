/** A simulated thread that hashes an archive, as `src/ring/hashing.ts` has it: in order, and it reads what nobody has read. */
import { SLOTS } from '../../src/ring/layout.js'
import type { Process } from './machine.js'
import type { Part, Production } from './production.js'

/** Seconds after which it no longer waits for what another is filling. */
const SOON = 0.3e-3

/** @param job of one archive, in a ring of its own @param sizes of its slots, in bytes @param perByte CPU seconds */
export function* hashProduction(job: Production, sizes: readonly number[], perByte: number): Process {
  const { ring } = job
  const isNext = (): boolean => ring.isFilled(ring.read)
  let own: Part | undefined
  let filled = 0
  while (ring.read < sizes.length) {
    if (isNext()) {
      yield sizes[ring.read]! * perByte
      ring.release()
    } else if (own !== undefined) {
      yield own.slots[filled]!
      ring.fill(own.slot + filled)
      if (++filled === own.slots.length) own = undefined
    } else {
      const next = job.next()
      if (next === undefined) yield { until: isNext }
      else if (next.slot !== ring.read) yield { until: isNext, within: SOON }
      if (next === undefined || isNext()) continue
      if (next.slot + next.slots.length - ring.read > SLOTS) yield { until: isNext }
      else if (job.next() === next) {
        own = job.claim()
        filled = 0
      }
    }
  }
}
