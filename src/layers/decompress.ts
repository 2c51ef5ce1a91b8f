/** Archive files as streams of plain bytes, whatever they are compressed with. */
import { closeSync, createReadStream, fstatSync, openSync, readSync } from 'node:fs'
import type { Readable } from 'node:stream'
import { ImageError, systemReason } from '../errors.js'

export type Compression = 'none' | 'gzip' | 'bzip2' | 'xz' | 'zstd'

const MAGIC: [Compression, number[]][] = [
  ['gzip', [0x1f, 0x8b]],
  ['bzip2', [0x42, 0x5a, 0x68]],
  ['xz', [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]],
  ['zstd', [0x28, 0xb5, 0x2f, 0xfd]],
]

/** Tells a file's compression by its first bytes. @throws ImageError BASE_INVALID when it cannot be read */
export function detectCompression(path: string): Compression {
  const head = Buffer.alloc(6)
  try {
    const fd = openSync(path, 'r')
    try {
      readSync(fd, head, 0, head.length, 0)
    } finally {
      closeSync(fd)
    }
  } catch (error) {
    throw new ImageError('BASE_INVALID', `cannot read the base image ${path}: ${systemReason(error)}`, {
      cause: error,
    })
  }
  return MAGIC.find(([, magic]) => magic.every((byte, i) => head[i] === byte))?.[0] ?? 'none'
}

/** The plain bytes of a compressed file, in pieces. The decoders are loaded only when they are needed. */
export async function* decompress(path: string, compression: Compression): AsyncGenerator<Uint8Array> {
  const file = createReadStream(path)
  try {
    if (compression === 'none') yield* file
    else if (compression === 'gzip') yield* gunzip(file)
    else if (compression === 'bzip2') yield* bunzip2(path)
    else if (compression === 'xz') yield* unxz(file)
    else yield* unzstd(file)
  } finally {
    file.destroy()
  }
}

async function* gunzip(file: Readable): AsyncGenerator<Uint8Array> {
  const { createGunzip } = await import('node:zlib')
  const { pipeline } = await import('node:stream')
  yield* pipeline(file, createGunzip(), () => {})
}

/**
 * Block by block, since a block of a hundred bytes may come out as 46 MB; the library's stream decodes all
 * that it was given before it passes anything on.
 */
async function* bunzip2(path: string): AsyncGenerator<Uint8Array> {
  const { default: bzip2 } = await import('unbzip2-stream/lib/bzip2.js')
  const { default: bitIterator } = await import('unbzip2-stream/lib/bit_iterator.js')
  const fd = openSync(path, 'r')
  try {
    const { size } = fstatSync(fd)
    const bits = bitIterator(() => {
      const piece = Buffer.allocUnsafe(BZIP2_PIECE)
      const count = readSync(fd, piece, 0, piece.length, null)
      if (count === 0) throw new Error('unexpected end of file')
      return piece.subarray(0, count)
    })
    while (bits.bytesRead < size) {
      const blockSize = bzip2.header(bits) * 100_000
      const work = new Int32Array(blockSize)
      for (let checksum: number | null = 0; ; ) {
        const block = new ByteCollector()
        checksum = bzip2.decompress(bits, block.add, work, blockSize, checksum)
        if (checksum === null) break
        yield* block.finish()
      }
    }
  } finally {
    closeSync(fd)
  }
}

const BZIP2_PIECE = 64 * 1024

/** Bytes that come one by one, in pieces. */
class ByteCollector {
  private readonly full: Uint8Array[] = []
  private piece = new Uint8Array(BZIP2_PIECE)
  private at = 0

  readonly add = (byte: number): void => {
    this.piece[this.at++] = byte
    if (this.at < this.piece.length) return
    this.full.push(this.piece)
    this.piece = new Uint8Array(BZIP2_PIECE)
    this.at = 0
  };

  *finish(): Generator<Uint8Array> {
    for (let next = this.full.shift(); next !== undefined; next = this.full.shift()) yield next
    if (this.at > 0) yield this.piece.subarray(0, this.at)
  }
}

async function* unxz(file: Readable): AsyncGenerator<Uint8Array> {
  const { default: xz } = await import('xz-decompress')
  const { Readable } = await import('node:stream')
  const reader = new xz.XzReadableStream(Readable.toWeb(file) as ReadableStream<Uint8Array>).getReader()
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      yield value
    }
  } finally {
    // The decoder serves one stream at a time, and waits for the one before it.
    await reader.cancel()
  }
}

/** Small pieces go in, because each may come out as 30,000 times its size. */
const ZSTD_PIECE = 4096

async function* unzstd(file: Readable): AsyncGenerator<Uint8Array> {
  const { Decompress } = await import('fzstd')
  const ready: Uint8Array[] = []
  const decoder = new Decompress((piece) => ready.push(piece))
  for await (const chunk of file as AsyncIterable<Buffer>) {
    for (let at = 0; at < chunk.length; at += ZSTD_PIECE) {
      decoder.push(chunk.subarray(at, at + ZSTD_PIECE))
      yield* ready.splice(0)
    }
  }
  decoder.push(new Uint8Array(0), true)
  yield* ready.splice(0)
}
