/** Writes so many bytes to standard output as a build does, and its CPU seconds to standard error: `pipe-process.js BYTES`. */
import { setImmediate } from 'node:timers/promises'
import { FdOutput } from '../../src/outputs/fd-output.js'
import { createRing, SLOT_BYTES, SLOTS, slotBuffers } from '../../src/ring/layout.js'

const bytes = Number(process.argv[2])
const slots = slotBuffers(createRing())
const output = await FdOutput.open(1)
const before = process.cpuUsage()
for (let slot = 0; slot * SLOT_BYTES < bytes; slot++) {
  const writing = output.write(slots[slot % SLOTS]!)
  if (writing !== undefined) await writing
  if (slot % 4 === 0) await setImmediate()
}
const { user, system } = process.cpuUsage(before)
output.end()
process.stderr.write(`${(user + system) / 1e6}`)
