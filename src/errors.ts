/**
 * The one error class of the project. Every failure that a user can meet is an {@link ImageError}: it has
 * a stable code, a message that names the file or key with what was expected and found, and sometimes a
 * hint. Errors cross threads as plain objects ({@link toWire}, {@link fromWire}), because structured
 * cloning would drop the code and the hint.
 */

/** Stable codes; README lists each with its cause and remedy. */
export type ErrorCode =
  | 'CONF_UNREADABLE'
  | 'CONF_INVALID'
  | 'STORE_PATH_INVALID'
  | 'FILE_UNREADABLE'
  | 'FILE_UNSUPPORTED'
  | 'FILE_CHANGED'
  | 'BASE_INVALID'
  | 'CUSTOMISATION_INVALID'
  | 'DESTINATION_INVALID'
  | 'CREDENTIALS_INVALID'
  | 'REGISTRY_DENIED'
  | 'REGISTRY_FAILED'
  | 'CACHE_FAILED'
  | 'CACHE_STALE'
  | 'OUTPUT_TERMINAL'
  | 'OUTPUT_CLOSED'
  | 'OUTPUT_FAILED'
  | 'WORKER_FAILED'
  | 'ABORTED'

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

/** The error for a layer that is not what a digest cache remembers of it. */
export function staleEntry(layer: string, expected: string, found: string): ImageError {
  return new ImageError(
    'CACHE_STALE',
    `${layer}: expected ${expected} as the cache remembers it, found ${found}`,
    {
      hint: 'the entry was dropped; check the store with nix-store --verify-path, then run it again',
    },
  )
}

/** The `code` of a system error (`ENOENT`, …), or undefined. */
export function systemCode(thrown: unknown): string | undefined {
  if (thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'string') return thrown.code
  return undefined
}

const SYSTEM_TEXT: Record<string, string> = {
  EACCES: 'permission denied',
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset',
  EIO: 'input/output error',
  EISDIR: 'it is a directory',
  ELOOP: 'too many symbolic links',
  EMFILE: 'too many open files',
  ENAMETOOLONG: 'its name is too long',
  ENOENT: 'no such file or directory',
  ENOSPC: 'no space left on the device',
  ENOTFOUND: 'no such host',
  ENOTDIR: 'a part of its path is not a directory',
  ETIMEDOUT: 'no answer in time',
  UND_ERR_CONNECT_TIMEOUT: 'no connection in time',
  UND_ERR_HEADERS_TIMEOUT: 'no answer in time',
  UND_ERR_BODY_TIMEOUT: 'no answer in time',
  UND_ERR_SOCKET: 'the connection was closed',
  EPERM: 'operation not permitted',
}

/** A system error in words, with its code: `permission denied (EACCES)`. */
export function systemReason(thrown: unknown): string {
  const code = systemCode(thrown)
  if (code === undefined) return thrown instanceof Error ? thrown.message : String(thrown)
  const text = SYSTEM_TEXT[code]
  return text === undefined ? code : `${text} (${code})`
}

function describe(cause: unknown): string {
  return cause instanceof Error ? (cause.stack ?? cause.message) : String(cause)
}
