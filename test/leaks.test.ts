/** A process that builds image after image has afterwards what it had before. */
import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { startListingRegistry } from './support/listing-registry.js'
import { type Held, held, MixedBuilds } from './support/mixed-builds.js'
import { scratchDirectory } from './support/scratch.js'

test('builds leave no descriptor, thread, temporary file or handle behind', async () => {
  const root = scratchDirectory()
  const builds = await MixedBuilds.in(root, (await startListingRegistry()).host)
  process.env.TMPDIR = join(root, 'tmp')
  mkdirSync(process.env.TMPDIR)
  const round = async (): Promise<void> => {
    for (let i = 0; i < builds.count; i++) await builds.run(i)
  }
  const intervals = watchIntervals()
  // What is loaded once stays.
  await round()
  const before = await settled()
  await round()
  await round()
  assert.deepEqual(await settled(before), before)
  assert.equal(before.temporary, 0)
  assert.equal(intervals.size, 0)
})

/** Timers that repeat and were not stopped: Node does not count those that let a process end. */
function watchIntervals(): ReadonlySet<unknown> {
  const running = new Set<unknown>()
  const { setInterval, clearInterval } = globalThis
  const start = (...args: Parameters<typeof setInterval>): NodeJS.Timeout => {
    const timer = setInterval(...args)
    running.add(timer)
    return timer
  }
  globalThis.setInterval = start as typeof setInterval
  globalThis.clearInterval = (timer) => {
    running.delete(timer)
    clearInterval(timer)
  }
  return running
}

/** What is held when it no longer changes: threads and connections take a moment to end. */
async function settled(expected?: Held): Promise<Held> {
  let last = held()
  for (let i = 0, same = 0; i < 100 && same < 10; i++) {
    await setTimeout(20)
    const found = held()
    same = JSON.stringify(found) === JSON.stringify(last) ? same + 1 : 0
    if (JSON.stringify(found) === JSON.stringify(expected)) return found
    last = found
  }
  return last
}
