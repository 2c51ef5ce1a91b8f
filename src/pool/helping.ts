/** What threads are at, and who helps with which. */
import type { Help } from '../layers/tasks.js'

/** Work of one thread that others can have a share in. */
export interface Job {
  /** What a helper is asked for. */
  readonly help: Help
  /** How many threads are of use to it at once. */
  readonly most: number
  /** About the milliseconds of work that nobody is at yet. */
  left(): number
  /** Counts a thread that is about to help, or that no longer does. */
  count(more: 1 | -1): void
  /** Has those who help end, as soon as they have done what they are at. */
  dismiss(): void
  /** A helper has failed: nobody waits for it any more. */
  forsake(): void
}

/** Milliseconds of work for each thread from which help is worth asking for: less is done before it comes. */
const WORTH = 1

export class Helping {
  private readonly jobs = new Map<Job, Helpers>()

  add(job: Job): Helpers {
    const helpers = new Helpers(job)
    this.jobs.set(job, helpers)
    return helpers
  }

  /** Nobody comes to help with it any more. */
  remove(job: Job): void {
    this.jobs.delete(job)
  }

  get isWanted(): boolean {
    return this.neediest() !== undefined
  }

  /** Has a thread help where most is left for each that works there. @param ask has the thread do so; does not throw */
  async help(ask: (help: Help) => Promise<unknown>): Promise<void> {
    await this.neediest()?.help(ask)
  }

  /** Has all who help end soon, since their threads are needed. */
  dismiss(): void {
    for (const helpers of this.jobs.values()) helpers.dismiss()
  }

  private neediest(): Helpers | undefined {
    let neediest: Helpers | undefined
    for (const helpers of this.jobs.values())
      if (neediest === undefined || helpers.need > neediest.need) neediest = helpers
    return neediest !== undefined && neediest.need >= WORTH ? neediest : undefined
  }
}

/** Who helps with a job. */
export class Helpers {
  private readonly under = new Set<Promise<unknown>>()
  private fail: (error: unknown) => void = () => {}
  /** Rejects with the error of the first who fails. */
  readonly failed = new Promise<never>((_, reject) => {
    this.fail = reject
  })

  constructor(private readonly job: Job) {
    this.failed.catch(() => {})
  }

  /** Milliseconds of work for each thread; 0 when no more are of use. */
  get need(): number {
    return this.under.size < this.job.most ? this.job.left() / (1 + this.under.size) : 0
  }

  async help(ask: (help: Help) => Promise<unknown>): Promise<void> {
    const { job, under } = this
    job.count(1)
    const helping = ask(job.help)
    under.add(helping)
    try {
      await helping
    } catch (error) {
      job.forsake()
      this.fail(error)
    } finally {
      job.count(-1)
      under.delete(helping)
    }
  }

  dismiss(): void {
    if (this.under.size > 0) this.job.dismiss()
  }

  /** Resolves when nobody helps any more. */
  async gone(): Promise<void> {
    await Promise.allSettled([...this.under])
  }
}
