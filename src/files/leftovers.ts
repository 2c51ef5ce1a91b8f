/**
 * What is to be removed when the process ends before its owner came to it: `process.exit`, an error that
 * nobody caught. Signals end a process without this, unless a handler exits.
 */
import { rmSync } from 'node:fs'

/** By path, whether it is still to be removed. */
const paths = new Map<string, () => boolean>()

/**
 * Has a file or directory removed at the end of the process.
 * @param isOwn asked before, where somebody else may have put something of that name
 */
export function removeAtExit(path: string, isOwn = (): boolean => true): void {
  if (paths.size === 0) process.on('exit', removeLeftovers)
  paths.set(path, isOwn)
}

/** Leaves it: it was removed, or has become what was wanted. */
export function keepAtExit(path: string): void {
  paths.delete(path)
  if (paths.size === 0) process.off('exit', removeLeftovers)
}

/** Removes all of it now, as far as it can be. */
function removeLeftovers(): void {
  for (const [path, isOwn] of [...paths]) if (isOwn()) remove(path)
}

/** Removes a file or directory that may not be there any more; a failure is not worth another error. */
export function remove(path: string): void {
  try {
    // Something may be made in a directory while it is being removed.
    rmSync(path, { recursive: true, force: true, maxRetries: 3, retryDelay: 20 })
  } catch {
    // It stays for a later run, which removes what the dead have left.
  }
  keepAtExit(path)
}
