/** A compressed archive as a plain file, within bounds of memory and disk. */
import { closeSync, ftruncateSync, openSync } from 'node:fs'
import { attempt, checkAborted, ImageError, systemReason } from '../errors.js'
import { openRegularHandle } from '../files/open-regular.js'
import { isZero, writeAll } from '../files/sparse.js'
import { decompress, detectCompression } from '../layers/decompress.js'

/** Bytes that a compressed archive may expand to; zeros take no room. The largest images known have a half of it. */
const MAX_EXPANDED = 64 * 2 ** 30

/** @returns the path of the plain archive: `path` itself, or a file from `makeFile` @throws ImageError */
export async function plainArchive(
  path: string,
  name: string,
  makeFile: () => string,
  signal?: AbortSignal,
): Promise<string> {
  const archive = await openRegularHandle(path)
  const compression = detectCompression(archive.fd)
  if (compression === 'none') {
    await archive.close()
    return path
  }
  const into = makeFile()
  const fd = openSync(into, 'r+')
  try {
    let size = 0
    for await (const piece of readable(decompress(archive.fd, compression), name)) {
      checkAborted(signal)
      if (!isZero(piece)) attempt('OUTPUT_FAILED', `cannot write ${into}`, () => writeAll(fd, piece, size))
      size += piece.length
      if (size > MAX_EXPANDED)
        throw new ImageError('IMAGE_INVALID', `${name}: it expands to more than ${MAX_EXPANDED} bytes`)
    }
    attempt('OUTPUT_FAILED', `cannot write ${into}`, () => ftruncateSync(fd, size))
    return into
  } finally {
    closeSync(fd)
    await archive.close()
  }
}

async function* readable(pieces: AsyncIterable<Uint8Array>, name: string): AsyncGenerator<Uint8Array> {
  try {
    yield* pieces
  } catch (error) {
    throw new ImageError('IMAGE_INVALID', `${name}: it cannot be decompressed: ${systemReason(error)}`, {
      cause: error,
    })
  }
}
