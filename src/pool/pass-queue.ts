/** Passes that wait for their turn. */
import type { AnyPass, Pass, Reply, Tasks } from '../layers/tasks.js'

export interface QueuedPass {
  /** With what it is given now that its turn has come. */
  pass(): AnyPass
  settle(reply: Reply<Tasks[Pass]['output']>): void
}

export class PassQueue {
  private readonly ordered: QueuedPass[] = []
  /** What everything will wait for: begun beside the others, not behind them. */
  private readonly long: QueuedPass[] = []
  private running = 0

  add(pass: QueuedPass, isLong: boolean): void {
    const queue = isLong ? this.long : this.ordered
    queue.push(pass)
  }

  /** @param run does the next pass @returns whether there was one */
  async runNext(run: (next: QueuedPass) => Promise<void>): Promise<boolean> {
    const next = this.next()
    if (next === undefined) return false
    this.running++
    try {
      await run(next)
    } finally {
      this.running--
    }
    return true
  }

  /** One turn always has the passes in their order, since the streaming pass waits for the first of them. */
  private next(): QueuedPass | undefined {
    const { ordered, long } = this
    return this.running === 0 ? (ordered.shift() ?? long.shift()) : (long.shift() ?? ordered.shift())
  }
}
