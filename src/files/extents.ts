/** Bytes of files that are read: never of a pipe, which one would wait for, or a device. */
import { statSync } from 'node:fs'
import { checkAborted } from '../errors.js'
import type { Extent } from '../model/blob-store.js'
import { openRegularHandle } from './open-regular.js'

/** The whole of a regular file; undefined when there is none, symbolic links are followed. */
export function fileExtent(path: string): Extent | undefined {
  const stats = statSync(path, { throwIfNoEntry: false })
  return stats?.isFile() ? { path, offset: 0, size: stats.size, whole: true } : undefined
}

/** Enough that asking costs little, little enough that hashing a piece keeps nobody waiting. */
const PIECE = 256 * 1024

/** The bytes in pieces; fewer when the file ends before. @throws the system's error, ImageError ABORTED */
export async function* readExtent(extent: Extent, signal?: AbortSignal): AsyncGenerator<Buffer> {
  const file = await openRegularHandle(extent.path)
  try {
    const size = extent.whole ? Number.POSITIVE_INFINITY : extent.size
    for (let done = 0; done < size; ) {
      checkAborted(signal)
      const wanted = Math.min(PIECE, size - done)
      const { bytesRead, buffer } = await file.read(
        Buffer.allocUnsafe(wanted),
        0,
        wanted,
        extent.offset + done,
      )
      if (bytesRead === 0) return
      yield buffer.subarray(0, bytesRead)
      done += bytesRead
    }
  } finally {
    await file.close()
  }
}
