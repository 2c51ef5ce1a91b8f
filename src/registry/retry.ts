/** Trying again what may go better the next time. */
import { setTimeout } from 'node:timers/promises'
import type { ImageError } from '../errors.js'

/** A failure that may be a passing one. */
export class PassingFailure extends Error {
  /** @param after milliseconds that the server asks to wait; undefined when it does not say */
  constructor(
    readonly error: ImageError,
    readonly after?: number,
  ) {
    super(error.message)
  }
}

const ATTEMPTS = 6
const FIRST_WAIT = 200
const LONGEST_WAIT = 30_000

/**
 * Runs until it succeeds or fails for good: six times, waiting twice as long each time, with a random part
 * so that parallel runs spread out.
 * @throws ImageError the last failure
 */
export async function retrying<T>(run: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await run()
    } catch (failure) {
      if (!(failure instanceof PassingFailure)) throw failure
      const wait = failure.after ?? FIRST_WAIT * 2 ** (attempt - 1) * (0.5 + Math.random())
      if (attempt === ATTEMPTS || wait > LONGEST_WAIT) throw failure.error
      await setTimeout(wait)
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
