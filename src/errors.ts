/**
 * The one error class of the project. Every failure that a user can meet is an {@link ImageError}: it has
 * a stable code, a message that names the file or key with what was expected and found, and sometimes a
 * hint. Errors cross threads as plain objects ({@link toWire}, {@link fromWire}), because structured
 * cloning would drop the code and the hint.
 */
import { getSystemErrorMap } from 'node:util'

/** Stable codes; docs/troubleshooting.md lists each with its cause and remedy. */
export type ErrorCode =
  | 'OPTION_INVALID'
  | 'CONF_UNREADABLE'
  | 'CONF_INVALID'
  | 'STORE_PATH_INVALID'
  | 'FILE_UNREADABLE'
  | 'FILE_UNSUPPORTED'
  | 'FILE_CHANGED'
  | 'BASE_INVALID'
  | 'IMAGE_INVALID'
  | 'CUSTOMISATION_INVALID'
  | 'DESTINATION_INVALID'
  | 'CREDENTIALS_INVALID'
  | 'REGISTRY_DENIED'
  | 'REGISTRY_FAILED'
  | 'ENGINE_FAILED'
  | 'CACHE_FAILED'
  | 'CACHE_STALE'
  | 'LAYER_FILE_INVALID'
  | 'SBOM_UNKNOWN'
  | 'SIGNER_FAILED'
  | 'OUTPUT_TERMINAL'
  | 'OUTPUT_CLOSED'
  | 'OUTPUT_FAILED'
  | 'WORKER_FAILED'
  | 'ABORTED'
  | 'INTERNAL'

/** What an {@link ImageError} may carry beside its message. */
export interface ImageErrorOptions {
  /** What the user can do about it, one sentence. */
  hint?: string | undefined
  cause?: unknown
}

/** A failure that a user can meet: what went wrong, where, and a stable code to tell it by. */
export class ImageError extends Error {
  readonly code: ErrorCode
  readonly hint: string | undefined

  constructor(code: ErrorCode, message: string, options: ImageErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'ImageError'
    this.code = code
    this.hint = options.hint
  }
}

/** An {@link ImageError} as a message between threads. */
export interface WireError {
  code: ErrorCode
  message: string
  hint: string | undefined
  stack: string | undefined
  cause: string | undefined
}

/** Turns anything thrown into a message; what is no ImageError becomes WORKER_FAILED. */
export function toWire(thrown: unknown): WireError {
  const error = asImageError(thrown, 'WORKER_FAILED', 'unexpected failure')
  return {
    code: error.code,
    message: error.message,
    hint: error.hint,
    stack: error.stack,
    cause: error.cause === undefined ? undefined : describe(error.cause),
  }
}

export function fromWire(wire: WireError): ImageError {
  const error = new ImageError(wire.code, wire.message, { hint: wire.hint, cause: wire.cause })
  if (wire.stack !== undefined) error.stack = wire.stack
  return error
}

/** The error itself when it is an ImageError, otherwise a new one with `thrown` as its cause. */
export function asImageError(thrown: unknown, code: ErrorCode, context: string): ImageError {
  if (thrown instanceof ImageError) return thrown
  const text = thrown instanceof Error ? thrown.message : String(thrown)
  return new ImageError(code, `${context}: ${text}`, { cause: thrown })
}

/** The `code` of a system error (`ENOENT`, …), or undefined. */
export function systemCode(thrown: unknown): string | undefined {
  if (thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'string') return thrown.code
  return undefined
}

/** What connections fail with beside the system's own codes. */
const CONNECTION_TEXT: Record<string, string> = {
  ENOTFOUND: 'no such host',
  UND_ERR_CONNECT_TIMEOUT: 'no connection in time',
  UND_ERR_HEADERS_TIMEOUT: 'no answer in time',
  UND_ERR_BODY_TIMEOUT: 'no answer in time',
  UND_ERR_SOCKET: 'the connection was closed',
}

/** A system error in words, with its code: `permission denied (EACCES)`. */
export function systemReason(thrown: unknown): string {
  const code = systemCode(thrown)
  if (code === undefined) return thrown instanceof Error ? thrown.message : String(thrown)
  const text = CONNECTION_TEXT[code] ?? systemText(thrown)
  return text === undefined ? code : `${text} (${code})`
}

/** libuv's own words for the error's number. */
function systemText(thrown: unknown): string | undefined {
  const errno = thrown instanceof Error && 'errno' in thrown ? Number(thrown.errno) : Number.NaN
  return getSystemErrorMap().get(errno)?.[1]
}

/**
 * Runs what may fail with a system error, at once or later, and says what it was about.
 * @param about a sentence that the reason ends: `cannot read x`; made when it is needed, where that is often not
 * @throws ImageError as {@link failure} makes it
 */
export function attempt<T>(code: ErrorCode, about: string | (() => string), run: () => T, hint?: string): T {
  const fail = (error: unknown): never => {
    throw failure(code, typeof about === 'string' ? about : about(), error, hint)
  }
  try {
    const result = run()
    return result instanceof Promise ? (result.catch(fail) as T) : result
  } catch (error) {
    return fail(error)
  }
}

/** The error with its code and what it was about; an ImageError stays as it is, and what was stopped is ABORTED. */
export function failure(code: ErrorCode, about: string, error: unknown, hint?: string): ImageError {
  if (error instanceof ImageError) return error
  if (error instanceof Error && error.name === 'AbortError') return aborted(error)
  return new ImageError(code, `${about}: ${systemReason(error)}`, { hint, cause: error })
}

/** @throws ImageError ABORTED when the signal says so */
export function checkAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw aborted(signal.reason)
}

/** The error of what was stopped. @param cause the signal's reason */
export function aborted(cause: unknown): ImageError {
  return new ImageError('ABORTED', 'the build was aborted', { cause })
}

/** The promise, or the signal's reason when that comes first. */
export async function orAbort<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  promise.catch(() => {})
  signal.throwIfAborted()
  let forget = (): void => {}
  const end = new Promise<never>((_, reject) => {
    const listener = (): void => reject(signal.reason)
    signal.addEventListener('abort', listener, { once: true })
    forget = () => signal.removeEventListener('abort', listener)
  })
  return Promise.race([promise, end]).finally(forget)
}

/** The promise itself; that it may fail before its turn comes is no unhandled rejection. */
export function handled<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {})
  return promise
}

function describe(cause: unknown): string {
  return cause instanceof Error ? (cause.stack ?? cause.message) : String(cause)
}
