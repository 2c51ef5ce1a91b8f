import { createWriteStream, openSync } from 'node:fs'
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
    // Opened at once: what is opened later may come back after its directory was removed.
    await pipeline(pieces, createWriteStream('', { fd: openSync(path, 'w') }), { signal })
  } catch (error) {
    throw failure('OUTPUT_FAILED', `cannot write ${path}`, error)
  }
}
