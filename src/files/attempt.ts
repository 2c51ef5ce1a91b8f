import { ImageError, systemReason } from '../errors.js'

/** Runs what writes below `path`. @throws ImageError OUTPUT_FAILED naming it */
export function attempt<T>(path: string, run: () => T): T {
  try {
    return run()
  } catch (error) {
    throw cannotWrite(path, error)
  }
}

export async function attemptAsync<T>(path: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run()
  } catch (error) {
    throw cannotWrite(path, error)
  }
}

/** The error itself when it is an ImageError. */
export function cannotWrite(path: string, error: unknown): ImageError {
  if (error instanceof ImageError) return error
  if (error instanceof Error && error.name === 'AbortError') return aborted(error)
  return new ImageError('OUTPUT_FAILED', `cannot write ${path}: ${systemReason(error)}`, { cause: error })
}

/** @throws ImageError ABORTED when the signal says so */
export function checkAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw aborted(signal.reason)
}

export function aborted(cause: unknown): ImageError {
  return new ImageError('ABORTED', 'the build was aborted', { cause })
}
