/** Pipes and devices by name: what takes bytes, and is no file. */
import { constants, createWriteStream, fstatSync, openSync, statSync } from 'node:fs'
import type { Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setTimeout } from 'node:timers/promises'
import { aborted, attempt, checkAborted, failure, ImageError, systemCode } from '../errors.js'

/** Milliseconds between looks whether a pipe has got a reader: nobody notices them, and they cost nothing. */
const LOOK_EVERY = 20

/**
 * Opens what is no file for writing. A pipe without a reader is waited for, with the event loop served: opening it
 * in the usual way would block this thread, or one of Node's own, which is waited for at exit.
 * @param notice told once of a wait
 * @returns the descriptor, the caller's; that of a pipe does not block
 * @throws ImageError OUTPUT_FAILED, ABORTED
 */
export async function openStreamFile(
  path: string,
  signal?: AbortSignal,
  notice?: (message: string) => void,
): Promise<number> {
  for (let looks = 0; ; looks++) {
    checkAborted(signal)
    const fd = attempt('OUTPUT_FAILED', `cannot write ${path}`, () => tryOpen(path))
    if (fd !== undefined) return fd
    if (looks === 0) notice?.(`waiting for a reader of ${path}`)
    try {
      await setTimeout(LOOK_EVERY, undefined, { signal })
    } catch (error) {
      throw aborted(error)
    }
  }
}

/** Undefined for a pipe that nobody reads (fifo(7)). */
function tryOpen(path: string): number | undefined {
  const isPipe = statSync(path).isFIFO()
  try {
    return openSync(path, constants.O_WRONLY | constants.O_NOCTTY | (isPipe ? constants.O_NONBLOCK : 0))
  } catch (error) {
    if (isPipe && systemCode(error) === 'ENXIO') return undefined
    throw error
  }
}

/**
 * Writes to what is no file, as fast as it takes the bytes.
 * @throws ImageError OUTPUT_FAILED, ABORTED, and OUTPUT_CLOSED when the reader of a pipe has left
 */
export async function writeToStream(
  path: string,
  pieces: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  signal?: AbortSignal,
): Promise<void> {
  const fd = await openStreamFile(path, signal)
  try {
    await pipeline(pieces, await streamOf(fd), { signal })
  } catch (error) {
    if (systemCode(error) === 'EPIPE')
      throw new ImageError('OUTPUT_CLOSED', `the reader of ${path} has closed its end`, { cause: error })
    throw failure('OUTPUT_FAILED', `cannot write ${path}`, error)
  }
}

async function streamOf(fd: number): Promise<Writable> {
  if (!fstatSync(fd).isFIFO()) return createWriteStream('', { fd })
  const { Socket } = await import('node:net')
  return new Socket({ fd, readable: false, writable: true })
}
