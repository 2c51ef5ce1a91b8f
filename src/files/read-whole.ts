import { closeSync, constants, createReadStream, fstatSync, openSync } from 'node:fs'
import { addAbortSignal, type Readable } from 'node:stream'
import { aborted, attempt, type ErrorCode, ImageError } from '../errors.js'

/**
 * The whole of a small file, which may be a pipe: one that nobody writes to is waited for with the event loop served, and
 * given up with the signal. Reading it in another thread would keep the process from ending.
 * @param from a path, or a stream @param limit in bytes
 * @returns undefined when there is more @throws the system's error, ImageError ABORTED
 */
export async function readWhole(
  from: string | Readable,
  signal: AbortSignal | undefined,
  limit = Number.POSITIVE_INFINITY,
): Promise<Buffer | undefined> {
  const pieces: Buffer[] = []
  let size = 0
  try {
    const stream = typeof from === 'string' ? await open(from) : from
    for await (const piece of signal === undefined ? stream : addAbortSignal(signal, stream)) {
      size += (piece as Buffer).length
      if (size > limit) return undefined
      pieces.push(piece as Buffer)
    }
  } catch (error) {
    throw signal?.aborted ? aborted(signal.reason) : error
  }
  return Buffer.concat(pieces)
}

/** Bytes: a registration of 100,000 paths has fewer. */
const LARGEST_TEXT = 128 << 20

/**
 * The text of a small file, which may be a pipe.
 * @param about a sentence that the reason ends: `cannot read x`
 * @throws ImageError with the code, or ABORTED
 */
export async function readText(
  from: string | Readable,
  code: ErrorCode,
  about: string,
  signal: AbortSignal | undefined,
): Promise<string> {
  const bytes = await attempt(code, about, () => readWhole(from, signal, LARGEST_TEXT))
  if (bytes === undefined)
    throw new ImageError(code, `${about}: expected at most ${LARGEST_TEXT} bytes, found more`)
  return bytes.toString()
}

async function open(path: string): Promise<Readable> {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    if (!fstatSync(fd).isFIFO()) return createReadStream('', { fd })
    const { Socket } = await import('node:net')
    return new Socket({ fd, readable: true, writable: false })
  } catch (error) {
    closeSync(fd)
    throw error
  }
}
