/** Regular files, opened without waiting: a FIFO that nobody writes to would hold its thread for ever. */
import { closeSync, constants, fstatSync, openSync, readFileSync, readSync, type Stats } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'

interface OpenFile {
  fd: number
  /** Of what was opened. */
  stats: Stats
}

/** What is there is no regular file. */
export class NotRegularError extends Error {
  /** In words, with its article. */
  readonly found: string

  constructor(stats: Stats) {
    const found = kindOf(stats)
    super(`expected a regular file, found ${found}`)
    this.found = found
  }
}

/**
 * Opens a file for reading; the caller closes it.
 * @throws NotRegularError for a FIFO, a device, a socket or a directory; otherwise the system's error
 */
export function openRegular(path: string | Buffer): OpenFile {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    const stats = fstatSync(fd)
    if (!stats.isFile()) throw new NotRegularError(stats)
    return { fd, stats }
  } catch (error) {
    closeSync(fd)
    throw error
  }
}

/** As {@link openRegular}, for who does not hold up others meanwhile. @throws as it does */
export async function openRegularHandle(path: string): Promise<FileHandle> {
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
  const stats = await file.stat()
  if (stats.isFile()) return file
  await file.close()
  throw new NotRegularError(stats)
}

/** The whole of a regular file. @throws as {@link openRegular} */
export function readRegular(path: string | Buffer): Buffer {
  const { fd } = openRegular(path)
  try {
    return readFileSync(fd)
  } finally {
    closeSync(fd)
  }
}

/** Up to `limit` bytes from the start of a regular file. @throws as {@link openRegular} */
export function readStart(path: string | Buffer, limit: number): Buffer {
  const { fd } = openRegular(path)
  try {
    const buffer = Buffer.alloc(limit)
    let length = 0
    while (length < limit) {
      const count = readSync(fd, buffer, length, limit - length, length)
      if (count === 0) break
      length += count
    }
    return buffer.subarray(0, length)
  } finally {
    closeSync(fd)
  }
}

function kindOf(stats: Stats): string {
  if (stats.isDirectory()) return 'a directory'
  if (stats.isFIFO()) return 'a FIFO'
  if (stats.isSocket()) return 'a socket'
  return 'a device'
}
