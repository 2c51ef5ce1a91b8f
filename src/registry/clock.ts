/** The deadlines of one request: one timer, set anew as the request goes on, and the build's own signal. */
import { aborted, ImageError } from '../errors.js'
import type { Patience } from './patience.js'
import { PassingFailure, seconds } from './retry.js'

export class Clock {
  private readonly stop = new AbortController()
  private timer: NodeJS.Timeout | undefined
  private failure: ImageError | PassingFailure | undefined
  private isOver = false
  private readonly abort = (): void => this.end(aborted(this.outer.reason))

  /** @param about the request, for messages */
  constructor(
    private readonly outer: AbortSignal,
    private readonly about: string,
  ) {
    if (outer.aborted) this.abort()
    else outer.addEventListener('abort', this.abort, { once: true })
  }

  /** Its reason is {@link ended}. */
  get signal(): AbortSignal {
    return this.stop.signal
  }

  /** Why the request was ended from this side, if it was. */
  get ended(): ImageError | PassingFailure | undefined {
    return this.failure
  }

  /** From now on, the other side has this time. @param otherwise says what was missing */
  await(milliseconds: number, otherwise: string): void {
    clearTimeout(this.timer)
    if (this.isOver) return
    const expire = (): void => {
      const error = new ImageError('REGISTRY_FAILED', `${this.about}: ${otherwise}`)
      this.end(new PassingFailure(error, { silent: true }))
    }
    this.timer = setTimeout(expire, Math.max(0, milliseconds))
  }

  /** The other side is not waited for. */
  rest(): void {
    clearTimeout(this.timer)
  }

  /** The request is over. */
  close(): void {
    this.isOver = true
    clearTimeout(this.timer)
    this.outer.removeEventListener('abort', this.abort)
  }

  private end(failure: ImageError | PassingFailure): void {
    this.failure ??= failure
    this.close()
    this.stop.abort(failure)
  }
}

/** A body's progress: it may neither pause for long nor drip. */
export class Progress {
  private bytes = 0
  private waited = 0
  private since = 0

  constructor(
    private readonly clock: Clock,
    private readonly patience: Patience,
  ) {}

  /** The other side's turn. */
  await(): void {
    const { idle, slowest } = this.patience
    this.since = performance.now()
    const left = idle + this.bytes / slowest - this.waited
    if (left < idle / 2) this.clock.await(left, `expected ${slowest * 1000} bytes a second, found fewer`)
    else this.clock.await(idle, `not a byte within ${seconds(idle)}`)
  }

  /** It took, or gave, bytes. */
  came(bytes: number): void {
    this.waited += performance.now() - this.since
    this.bytes += bytes
    this.clock.rest()
  }
}
