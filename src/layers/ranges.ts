/** Parts of an existing archive file, copied as they are: layers of a base image, the customisation layer. */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { ImageError, systemReason } from '../errors.js'
import { type Compression, decompress } from './decompress.js'
import { changed, expectSame, type Fingerprint } from './fingerprint.js'
import { type Sink, SinkWriter } from './sink.js'

/** Bytes of the uncompressed file. */
export interface Range {
  offset: number
  size: number
}

export interface RangesTask {
  path: string
  compression: Compression
  /** What the file was like when the ranges were found. */
  fingerprint: Fingerprint
  ranges: Range[]
}

/**
 * Feeds the ranges to the sink, one after the other; no buffer holds bytes of two.
 * @throws ImageError FILE_CHANGED when the file is no longer as it was, BASE_INVALID when it cannot be read
 */
export async function copyRanges(task: RangesTask, sink: Sink): Promise<void> {
  const { path, fingerprint } = task
  const fd = attempt(path, () => openSync(path, 'r'))
  try {
    expectSame(path, fingerprint, fstatSync(fd))
    if (task.compression === 'none') for (const range of task.ranges) copyPlain(fd, path, range, sink)
    else await copyCompressed(task, sink)
    expectSame(path, fingerprint, fstatSync(fd))
  } finally {
    closeSync(fd)
  }
}

function copyPlain(fd: number, path: string, range: Range, sink: Sink): void {
  const out = new SinkWriter(sink)
  while (out.total < range.size) {
    const room = Math.min(range.size - out.total, out.buffer.length - out.at)
    const count = attempt(path, () => readSync(fd, out.buffer, out.at, room, range.offset + out.total))
    if (count === 0) throw cutShort(path, range, out.total)
    out.advance(count)
  }
  out.end()
}

/** One pass of decompression serves all ranges that follow each other; one that lies before starts another. */
async function copyCompressed(task: RangesTask, sink: Sink): Promise<void> {
  let source = new ForwardReader(decompress(task.path, task.compression))
  for (const range of task.ranges) {
    if (source.position > range.offset) {
      await source.close()
      source = new ForwardReader(decompress(task.path, task.compression))
    }
    for await (const _ of source.take(range.offset - source.position));
    const out = new SinkWriter(sink)
    for await (const part of source.take(range.size)) out.write(part)
    if (out.total < range.size) throw cutShort(task.path, range, out.total)
    out.end()
  }
  await source.close()
}

/** A stream of pieces, taken by the byte. */
class ForwardReader {
  position = 0
  private rest: Uint8Array = new Uint8Array(0)

  constructor(private readonly pieces: AsyncGenerator<Uint8Array>) {}

  /** The next `count` bytes in pieces; fewer when the stream ends before. */
  async *take(count: number): AsyncGenerator<Uint8Array> {
    while (count > 0) {
      if (this.rest.length === 0) {
        const next = await this.pieces.next()
        if (next.done) return
        this.rest = next.value
      }
      const part = this.rest.subarray(0, count)
      this.rest = this.rest.subarray(part.length)
      this.position += part.length
      count -= part.length
      yield part
    }
  }

  async close(): Promise<void> {
    await this.pieces.return(undefined)
  }
}

function cutShort(path: string, range: Range, found: number): ImageError {
  return changed(path, `${range.size} bytes at offset ${range.offset}`, `${found}`)
}

function attempt<T>(path: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    throw new ImageError('FILE_UNREADABLE', `cannot read ${path}: ${systemReason(error)}`, { cause: error })
  }
}
