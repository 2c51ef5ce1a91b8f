/**
 * Passes on this thread. A thread takes 40 ms to start, and a small image is done before: so passes begin here, and threads
 * start when there turns out to be more to do than this.
 */
import { setImmediate } from 'node:timers/promises'
import type { AnyPass, Pass, Reply, Tasks } from '../layers/tasks.js'
import type { Budget } from '../layers/walk.js'

/** What is done here of an image: about as much as a thread takes to start. */
const BUDGET: Budget = { members: 1500, bytes: 8 << 20 }

/** Milliseconds after which other events get their turn. */
const LONG = 5

export class Here {
  private readonly budget = { ...BUDGET }
  private since = performance.now()

  /** @returns undefined when it is for a thread */
  async run(pass: AnyPass): Promise<Reply<Tasks[Pass]['output']> | undefined> {
    const { runSmall } = await import('../layers/small.js')
    if (performance.now() > this.since + LONG) {
      await setImmediate()
      this.since = performance.now()
    }
    return runSmall(pass, this.budget)
  }
}
