import { constants, fstatSync, openSync } from 'node:fs'

/**
 * A pipe's writing end once more, so that writes to it never block, whatever others that share the descriptor want.
 * @returns a descriptor of its own; undefined when `fd` is no pipe, or cannot be opened again
 */
export function reopenPipe(fd: number): number | undefined {
  try {
    if (!fstatSync(fd).isFIFO()) return undefined
    return openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK)
  } catch {
    return undefined
  }
}
