/** Parts of an existing plain file, copied as they are: layers of a base image, the customisation layer. */
import { closeSync, fstatSync, readSync } from 'node:fs'
import { setImmediate } from 'node:timers/promises'
import { attempt, failure, type ImageError, systemCode } from '../errors.js'
import { NotRegularError, openRegular } from '../files/open-regular.js'
import type { FileRange, Fingerprint, Range } from '../model/recipe.js'
import { fsPath } from '../python/fs-encoding.js'
import { changed, expectSame } from './fingerprint.js'
import { type Sink, SinkWriter } from './sink.js'

/**
 * Copies a range of a plain file. It needs no worker: reading it takes less than handing it over, and a
 * buffer this small is still in the processor's cache when it is written out.
 * @throws ImageError FILE_CHANGED when the file is no longer as it was
 */
export async function copyPlainRange(
  { path, fingerprint, range }: FileRange,
  write: (bytes: Uint8Array) => void | Promise<void>,
): Promise<void> {
  const fd = openSame(path, fingerprint)
  try {
    const buffer = Buffer.allocUnsafe(PLAIN_BUFFER)
    for (let done = 0, turn = 1; done < range.size; turn++) {
      const room = Math.min(range.size - done, buffer.length)
      const count = attempt('FILE_UNREADABLE', `cannot read ${path}`, () =>
        readSync(fd, buffer, 0, room, range.offset + done),
      )
      if (count === 0) throw cutShort(path, range, done)
      const writing = write(buffer.subarray(0, count))
      if (writing !== undefined) await writing
      done += count
      if (turn % READS_A_TURN === 0) await setImmediate()
    }
    expectSame(path, fingerprint, fstatSync(fd))
  } finally {
    closeSync(fd)
  }
}

const PLAIN_BUFFER = 32 * 1024
/** How many pieces are copied before other events get their turn. */
const READS_A_TURN = 16

/** As {@link copyPlainRange}, for a thread that may block. */
export function copyRangeToSink({ path, fingerprint, range }: FileRange, sink: Sink): void {
  const fd = openSame(path, fingerprint)
  try {
    const out = new SinkWriter(sink)
    while (out.total < range.size) {
      const room = Math.min(range.size - out.total, out.buffer.length - out.at)
      const count = attempt('FILE_UNREADABLE', `cannot read ${path}`, () =>
        readSync(fd, out.buffer, out.at, room, range.offset + out.total),
      )
      if (count === 0) throw cutShort(path, range, out.total)
      out.advance(count)
    }
    out.end()
    expectSame(path, fingerprint, fstatSync(fd))
  } finally {
    closeSync(fd)
  }
}

/**
 * Opens a file that was looked at before; the caller closes it.
 * @throws ImageError FILE_CHANGED, FILE_UNREADABLE
 */
export function openSame(path: string, fingerprint: Fingerprint): number {
  try {
    const { fd, stats } = openRegular(fsPath(path))
    try {
      expectSame(path, fingerprint, stats)
      return fd
    } catch (error) {
      closeSync(fd)
      throw error
    }
  } catch (error) {
    if (error instanceof NotRegularError) throw changed(path, 'a regular file', error.found, error)
    if (systemCode(error) === 'ENOENT') throw changed(path, 'it to be there', 'nothing', error)
    throw failure('FILE_UNREADABLE', `cannot read ${path}`, error)
  }
}

export function cutShort(path: string, range: Range, found: number): ImageError {
  return changed(path, `${range.size} bytes at offset ${range.offset}`, `${found}`)
}
