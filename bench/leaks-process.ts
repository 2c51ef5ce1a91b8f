/**
 * `node --expose-gc leaks-process.js DIRECTORY COUNT STEP HOST:PORT`: so many runs of the library in this process. Prints what
 * it holds at the start and after every STEP of them, a line of JSON each.
 */
import { setTimeout } from 'node:timers/promises'
import { held, MixedBuilds } from '../test/support/mixed-builds.js'
import type { LeakResult } from './results.js'

const [directory = '', count = '', step = '', registry] = process.argv.slice(2)
const builds = await MixedBuilds.in(directory, registry)
for (let i = 0; i <= Number(count); i++) {
  if (i % Number(step) === 0) {
    // Threads and connections take a moment to end.
    await setTimeout(500)
    for (let k = 0; k < 3; k++) {
      globalThis.gc!()
      await setTimeout(20)
    }
    const { rss, heapUsed } = process.memoryUsage()
    const found: LeakResult = { builds: i, memory: rss, heap: heapUsed, ...held() }
    process.stdout.write(`${JSON.stringify(found)}\n`)
  }
  await builds.run(i)
}
