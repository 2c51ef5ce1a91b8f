import { closeSync, openSync, rmSync, writeSync } from 'node:fs'
import { attempt } from '../errors.js'
import type { BlobReader } from '../model/blob-store.js'
import type { Descriptor } from '../model/descriptor.js'

/**
 * A blob into a temporary file, compared with its digest on the way.
 * @param makeFile gives the path of an empty one @param count is told how many bytes have come since it was last told
 * @returns its path @throws ImageError IMAGE_INVALID, OUTPUT_FAILED, REGISTRY_FAILED
 */
export async function saveBlob(
  store: BlobReader,
  blob: Descriptor,
  makeFile: () => string,
  count?: (bytes: number) => void,
): Promise<string> {
  const path = makeFile()
  const about = `cannot write ${path}`
  const fd = attempt('OUTPUT_FAILED', about, () => openSync(path, 'w'))
  try {
    for await (const piece of store.get(blob)) {
      for (let done = 0; done < piece.length; )
        done += attempt('OUTPUT_FAILED', about, () => writeSync(fd, piece, done))
      count?.(piece.length)
    }
    return path
  } catch (error) {
    rmSync(path, { force: true })
    throw error
  } finally {
    closeSync(fd)
  }
}
