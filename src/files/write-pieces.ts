import { createWriteStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import { failure } from '../errors.js'

/**
 * Writes bytes that come in pieces into a file, which need not be there.
 * @throws ImageError OUTPUT_FAILED, ABORTED, and what the pieces fail with
 */
export async function writePieces(
  path: string,
  pieces: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): Promise<void> {
  try {
    await pipeline(pieces, createWriteStream(path), { signal })
  } catch (error) {
    throw failure('OUTPUT_FAILED', `cannot write ${path}`, error)
  }
}
