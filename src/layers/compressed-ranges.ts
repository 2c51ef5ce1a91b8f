/** Parts of a compressed file, by their place in what it holds. */
import { closeSync, fstatSync, statfsSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { ImageError } from '../errors.js'
import type { Compression } from '../model/compression.js'
import { type FileRange, type Fingerprint, type Range, TO_THE_END } from '../model/recipe.js'
import { decompress } from './decompress.js'
import { FileSink } from './file-sink.js'
import { expectSame, fingerprintOf } from './fingerprint.js'
import { cutShort, openSame } from './ranges.js'
import { type Sink, SinkWriter } from './sink.js'

/** Parts of a compressed file, in the order in which they are wanted. */
export interface PackedRanges extends Omit<FileRange, 'kind' | 'range'> {
  compression: Exclude<Compression, 'none'>
  ranges: Range[]
}

/**
 * Feeds the ranges to the sink, one after the other; no buffer holds bytes of two. One pass of decompression
 * serves all ranges that follow each other; one that lies before starts another.
 * @throws ImageError FILE_CHANGED when the file is no longer as it was, IMAGE_INVALID when it is damaged
 */
export async function copyPackedRanges(task: PackedRanges, sink: Sink): Promise<void> {
  const { path, compression, fingerprint, ranges } = task
  const fd = openSame(path, fingerprint)
  let source = new ForwardReader(decompress(fd, compression))
  try {
    for (const range of ranges) {
      if (source.position > range.offset) {
        await source.close()
        source = new ForwardReader(decompress(fd, compression))
      }
      for await (const _ of source.take(range.offset - source.position));
      const out = new SinkWriter(sink)
      for await (const part of source.take(range.size)) out.write(part)
      if (out.total < range.size && range.size !== TO_THE_END) throw cutShort(path, range, out.total)
      out.end()
    }
    expectSame(path, fingerprint, fstatSync(fd))
  } catch (error) {
    throw naming(path, error)
  } finally {
    await source.close()
    closeSync(fd)
  }
}

export interface ExpandTask extends PackedRanges {
  /** An empty file to put them into. */
  into: string
}

/** What a compressed file's ranges are in a plain one. */
export interface Expanded {
  /** What tells that the plain file is still the one that was written. */
  fingerprint: Fingerprint
  /** Where each range lies now, in the order in which they were asked for. */
  ranges: Range[]
}

/**
 * Writes the ranges into a plain file, where they can be read in any order, in one pass of decompression.
 * Nothing else of the compressed file takes room there, and each range only once, however often it is asked for.
 * @throws ImageError as {@link copyPackedRanges}, or OUTPUT_FAILED, also when there is not the room for them
 */
export async function expandFile(task: ExpandTask): Promise<Expanded> {
  const { into, ranges, ...file } = task
  const distinct = new Map(ranges.map((range) => [`${range.offset} ${range.size}`, range]))
  const sorted = [...distinct.values()].sort((a, b) => a.offset - b.offset)
  const places = new Map<Range, number>()
  let size = 0
  for (const range of sorted) {
    places.set(range, size)
    size += range.size
  }
  expectRoom(into, size, file.path)
  const sink = new FileSink(into, 0)
  try {
    await copyPackedRanges({ ...file, ranges: sorted }, sink)
  } finally {
    sink.close()
  }
  return {
    fingerprint: fingerprintOf(statSync(into)),
    ranges: ranges.map((range) => ({
      offset: places.get(distinct.get(`${range.offset} ${range.size}`)!)!,
      size: range.size,
    })),
  }
}

function expectRoom(into: string, size: number, path: string): void {
  const directory = dirname(into)
  const { bavail, bsize, blocks } = statfsSync(directory)
  if (blocks === 0 || size <= bavail * bsize) return
  throw new ImageError(
    'OUTPUT_FAILED',
    `${directory}: expected room for ${size} bytes, which ${path} holds uncompressed, found ${bavail * bsize}`,
    { hint: 'name a directory with more room in TMPDIR' },
  )
}

function naming(path: string, error: unknown): unknown {
  if (!(error instanceof ImageError) || error.message.includes(path)) return error
  return new ImageError(error.code, `${path}: ${error.message}`, { hint: error.hint, cause: error })
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
