/** Archive files as streams of plain bytes, whatever they are compressed with. */
import { closeSync, createReadStream, openSync, readSync } from 'node:fs'
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
    else if (compression === 'bzip2') yield* bunzip2(file)
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

async function* bunzip2(file: Readable): AsyncGenerator<Uint8Array> {
  const { default: unbzip2 } = await import('unbzip2-stream')
  const { PassThrough } = await import('node:stream')
  const out = new PassThrough()
  const decoder = file.pipe(unbzip2())
  file.on('error', (error) => out.destroy(error))
  decoder.on('error', (error) => out.destroy(error))
  decoder.pipe(out)
  yield* out
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
