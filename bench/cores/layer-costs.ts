/** What a thread runs, started anew as the program's are: what each layer takes, one after the other. `workerData` has the layers. */
import { createHash } from 'node:crypto'
import { parentPort, workerData } from 'node:worker_threads'
import { writeArchive } from '../../src/layers/archive.js'
import { planLayer } from '../../src/layers/checksum.js'
import { KEPT_CHUNK } from '../../src/layers/kept.js'
import type { Sink } from '../../src/layers/sink.js'
import type { Owner } from '../../src/model/owner.js'
import { createRing, SLOT_BYTES, SLOTS, slotBuffers } from '../../src/ring/layout.js'
import type { LayerCosts } from './model.js'

export type Measured = { layers: Omit<LayerCosts, 'isMost'>[]; hash: number }

const HASHED = 2 ** 30
const owner: Owner = { mtime: 1, uid: 0n, gid: 0n, uname: 'root', gname: 'root' }
const slots = slotBuffers(createRing())

/** Production into nowhere: through a ring's slots, or one buffer over and over. */
function nowhere(buffers: readonly Buffer[]): Sink {
  let next = 0
  return { lend: () => buffers[next++ % buffers.length]!, accept: () => {} }
}

function timed<T>(run: () => T): { seconds: number; value: T } {
  const start = performance.now()
  const value = run()
  return { seconds: (performance.now() - start) / 1000, value }
}

function costsOf(paths: string[]): Measured['layers'][number] {
  const { seconds: walk, value } = timed(() => planLayer({ paths, owner }))
  const { plan, size: bytes, chunks } = value
  const memory = Array.from({ length: chunks }, () => new Uint8Array(new SharedArrayBuffer(KEPT_CHUNK)))
  const one = [Buffer.allocUnsafeSlow(2 * SLOT_BYTES)]
  const read = timed(() => writeArchive(plan, owner, nowhere(one), { recheck: false })).seconds
  const produce = timed(() => writeArchive(plan, owner, nowhere(slots), { recheck: true })).seconds
  writeArchive(plan, owner, nowhere(one), { recheck: false, kept: { memory, isFilled: false } })
  const options = { recheck: true, kept: { memory, isFilled: true } }
  const produceKept = timed(() => writeArchive(plan, owner, nowhere(slots), options)).seconds
  return { bytes, walk, read, produce, produceKept, chunks }
}

/** CPU seconds for a byte. */
function hashing(): number {
  const hash = createHash('sha256')
  const { seconds } = timed(() => {
    for (let i = 0; i < HASHED / SLOT_BYTES; i++) hash.update(slots[i % SLOTS]!)
  })
  return seconds / HASHED
}

const layers = (workerData as string[][]).map(costsOf)
parentPort!.postMessage({ layers, hash: hashing() } satisfies Measured)
