/** Parts of an existing archive file, copied as they are: layers of a base image, the customisation layer. */
import { closeSync, fstatSync, openSync, readSync, statSync } from 'node:fs'
import { setImmediate } from 'node:timers/promises'
import { ImageError, systemReason } from '../errors.js'
import { fsPath } from '../python/fs-encoding.js'
import { type Compression, decompress } from './decompress.js'
import { FileSink } from './file-sink.js'
import { changed, expectSame, type Fingerprint, fingerprintOf } from './fingerprint.js'
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
 * Copies a range of a plain file. It needs no worker: reading it takes less than handing it over, and a
 * buffer this small is still in the processor's cache when it is written out.
 * @throws ImageError FILE_CHANGED when the file is no longer as it was
 */
export async function copyPlainRange(
  path: string,
  fingerprint: Fingerprint,
  range: Range,
  write: (bytes: Uint8Array) => void | Promise<void>,
): Promise<void> {
  const fd = attempt(path, () => openSync(fsPath(path), 'r'))
  try {
    expectSame(path, fingerprint, fstatSync(fd))
    const buffer = Buffer.allocUnsafe(PLAIN_BUFFER)
    for (let done = 0, turn = 1; done < range.size; turn++) {
      const room = Math.min(range.size - done, buffer.length)
      const count = attempt(path, () => readSync(fd, buffer, 0, room, range.offset + done))
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

export interface ExpandTask {
  path: string
  compression: Compression
  fingerprint: Fingerprint
  /** How many bytes are wanted of the plain file. */
  size: number
  /** An empty file to put them into. */
  into: string
}

/**
 * Writes the start of a compressed file into a plain one, where its parts can be read in any order.
 * @returns what tells that the plain file is still the one that was written
 * @throws ImageError FILE_CHANGED, BASE_INVALID, OUTPUT_FAILED
 */
export async function expandFile(task: ExpandTask): Promise<Fingerprint> {
  const { path, compression, fingerprint, size, into } = task
  const sink = new FileSink(into, 0)
  try {
    await copyCompressedRanges({ path, compression, fingerprint, ranges: [{ offset: 0, size }] }, sink)
  } finally {
    sink.close()
  }
  return fingerprintOf(statSync(into))
}

/** As {@link copyPlainRange}, for a thread that may block. */
export function copyRangeToSink(path: string, fingerprint: Fingerprint, range: Range, sink: Sink): void {
  const fd = attempt(path, () => openSync(fsPath(path), 'r'))
  try {
    expectSame(path, fingerprint, fstatSync(fd))
    const out = new SinkWriter(sink)
    while (out.total < range.size) {
      const room = Math.min(range.size - out.total, out.buffer.length - out.at)
      const count = attempt(path, () => readSync(fd, out.buffer, out.at, room, range.offset + out.total))
      if (count === 0) throw cutShort(path, range, out.total)
      out.advance(count)
    }
    out.end()
    expectSame(path, fingerprint, fstatSync(fd))
  } finally {
    closeSync(fd)
  }
}

const PLAIN_BUFFER = 32 * 1024
/** How many pieces are copied before other events get their turn. */
const READS_A_TURN = 16

/**
 * Feeds the ranges of a compressed file to the sink, one after the other; no buffer holds bytes of two.
 * One pass of decompression serves all ranges that follow each other; one that lies before starts another.
 * @throws ImageError FILE_CHANGED when the file is no longer as it was
 */
export async function copyCompressedRanges(task: RangesTask, sink: Sink): Promise<void> {
  const { path, fingerprint } = task
  expectSame(
    path,
    fingerprint,
    attempt(path, () => statSync(fsPath(path))),
  )
  await copyRanges(task, sink)
  expectSame(
    path,
    fingerprint,
    attempt(path, () => statSync(fsPath(path))),
  )
}

async function copyRanges(task: RangesTask, sink: Sink): Promise<void> {
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
