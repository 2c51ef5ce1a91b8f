/** What a build works on at the moment, told a few times a second: bars and logs ask for no more. */
import type { Emit, LayerUnderWay } from '../model/events.js'

/** Milliseconds between two events. */
const EVERY = 200

type Work = Omit<LayerUnderWay, 'done'>

export class UnderWay {
  private readonly works = new Set<() => LayerUnderWay>()
  private timer: NodeJS.Timeout | undefined
  private isOver = false
  /** What a listener threw: the build fails with it. */
  private failure: { error: unknown } | undefined

  constructor(private readonly emit: Emit) {}

  /**
   * Runs a part of the work, which is told of as long as it takes.
   * @param done bytes so far @throws what `run` and listeners throw
   */
  async during<T>(work: Work, done: () => number, run: () => Promise<T>): Promise<T> {
    const end = this.begin(work, done)
    const result = await run().finally(end)
    this.check()
    return result
  }

  /** As {@link during}, for what a thread counts in shared memory. */
  counted<T>(work: Work, run: (counter: BigInt64Array) => Promise<T>): Promise<T> {
    const counter = new BigInt64Array(new SharedArrayBuffer(8))
    return this.during(
      work,
      () => Number(Atomics.load(counter, 0)),
      () => run(counter),
    )
  }

  /** @returns what is to be called when it is over @throws what listeners threw */
  begin(work: Work, done: () => number): () => void {
    this.check()
    if (this.isOver) return () => {}
    const look = (): LayerUnderWay => ({ ...work, done: done() })
    this.works.add(look)
    this.timer ??= setInterval(() => this.tell(), EVERY).unref()
    return () => {
      this.works.delete(look)
      if (this.works.size > 0) return
      clearInterval(this.timer)
      this.timer = undefined
    }
  }

  /** Tells of nothing more: what was stopped with the build does not come to its end. */
  close(): void {
    this.isOver = true
    clearInterval(this.timer)
    this.works.clear()
  }

  private check(): void {
    if (this.failure !== undefined) throw this.failure.error
  }

  private tell(): void {
    // What has no byte yet waits for its turn.
    const layers = [...this.works].map((look) => look()).filter(({ done }) => done > 0)
    try {
      if (layers.length > 0) this.emit({ type: 'progress', layers })
    } catch (error) {
      this.failure ??= { error }
    }
  }
}
