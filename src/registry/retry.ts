/** Trying again what may go better the next time. */
import { setTimeout } from 'node:timers/promises'
import { aborted, ImageError } from '../errors.js'
import type { Patience } from './patience.js'

/** A failure that may be a passing one. */
export class PassingFailure extends Error {
  /** Milliseconds that the server asks to wait; undefined when it does not say. */
  readonly after: number | undefined
  /** Whether the other side said nothing until a deadline. */
  readonly silent: boolean

  constructor(
    readonly error: ImageError,
    { after, silent = false }: { after?: number | undefined; silent?: boolean } = {},
  ) {
    super(error.message)
    this.after = after
    this.silent = silent
  }
}

export interface RetryOptions {
  patience: Patience
  /** Ends every wait. */
  signal: AbortSignal
  /** Told before a wait that people notice. */
  tell: (message: string) => void
}

/** Counts attempts, and waits between them: longer each time, with a random part so that parallel runs spread out. */
export class Attempts {
  private used = 0
  private waits = 0

  constructor(private readonly options: RetryOptions) {}

  /** What was achieved since deserves all attempts anew. */
  renew(): void {
    this.used = 0
    this.waits = 0
  }

  /**
   * Waits for the next attempt.
   * @throws ImageError the failure, when it will not pass or was the last one; ABORTED
   */
  async next(failure: unknown): Promise<void> {
    if (!(failure instanceof PassingFailure)) throw failure
    const { patience, signal, tell } = this.options
    const { error, after = 0, silent } = failure
    this.used += silent ? 2 : 1
    if (after > patience.longestWait)
      throw new ImageError(
        error.code,
        `${error.message}; it asks to wait ${seconds(after)}, more than the ${seconds(patience.longestWait)} that are waited`,
        { hint: error.hint, cause: error.cause },
      )
    if (this.used >= patience.attempts) throw error
    const backOff = patience.firstWait * 2 ** this.waits++ * (0.5 + Math.random())
    const wait = Math.max(after, backOff)
    if (after >= 1000) tell(`${error.message}; it asks to wait ${seconds(after)}`)
    else if (wait >= 1000 || silent) tell(`${error.message}; trying again in ${seconds(wait)}`)
    await setTimeout(wait, undefined, { signal }).catch((cause) => {
      throw aborted(cause)
    })
  }
}

/**
 * Runs until it succeeds or fails for good.
 * @param run is given how often it has failed before
 * @throws ImageError the last failure, or ABORTED
 */
export async function retrying<T>(options: RetryOptions, run: (failures: number) => Promise<T>): Promise<T> {
  const attempts = new Attempts(options)
  for (let failures = 0; ; failures++) {
    try {
      return await run(failures)
    } catch (failure) {
      await attempts.next(failure)
    }
  }
}

/** Milliseconds that a `Retry-After` header asks for (RFC 9110, 10.2.3). */
export function retryAfter(header: string | undefined, now = Date.now()): number | undefined {
  if (header === undefined) return undefined
  if (/^\d+$/.test(header)) return Number(header) * 1000
  const date = Date.parse(header)
  return Number.isNaN(date) ? undefined : Math.max(0, date - now)
}

export function seconds(milliseconds: number): string {
  return `${Math.ceil(milliseconds / 1000)} s`
}
