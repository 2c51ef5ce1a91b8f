/**
 * What takes long goes first, so that it does not end alone: of the tasks that wait the largest is next. None begins
 * while the size of one is being found out.
 */
export class LargestFirst {
  private readonly waiting: { size: number; begin: () => void }[] = []
  /** Whether those that wait stand in their order. */
  private isSorted = true
  private sizing = 0
  private running = 0
  private isStopped = false

  /** @param most how many run at once */
  constructor(private readonly most: number) {}

  /** @param size in whatever all tasks are measured in @throws what finding it out or the task throws */
  async run<T>(size: number | Promise<number>, task: () => Promise<T>): Promise<T> {
    this.sizing++
    let turn: Promise<void>
    try {
      const found = await size
      turn = new Promise((begin) => this.waiting.push({ size: found, begin }))
      this.isSorted = false
    } finally {
      this.sizing--
      // When this task awaits its turn too, so that they begin in order.
      queueMicrotask(() => this.next())
    }
    await turn
    try {
      return await task()
    } finally {
      this.running--
      this.next()
    }
  }

  /** No task begins any more. */
  stop(): void {
    this.isStopped = true
  }

  private next(): void {
    if (this.isStopped || this.sizing > 0) return
    // Those of one size in the order in which they came.
    if (!this.isSorted) this.waiting.sort((a, b) => b.size - a.size)
    this.isSorted = true
    for (const { begin } of this.waiting.splice(0, this.most - this.running)) {
      this.running++
      begin()
    }
  }
}
