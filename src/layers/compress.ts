/**
 * Compressors for blobs, as sinks in front of sinks. The bytes depend on nothing but input, kind and level:
 * each megabyte becomes a gzip member (RFC 1952, 2.2) or a zstd frame (RFC 8878, 3) of its own, which all
 * decoders read as one stream.
 */
import { gzipSync } from 'node:zlib'
import type { BlobCompression } from '../model/compression.js'
import { type Sink, SinkWriter } from './sink.js'

/** A sink whose last bytes reach the inner one with `finish`. */
export interface Compressor extends Sink {
  finish(): void
}

type Compress = (bytes: Buffer, level: number) => Uint8Array

/** @param inner takes the compressed bytes */
export async function compressor({ kind, level }: BlobCompression, inner: Sink): Promise<Compressor> {
  if (kind === 'none') return new Passage(inner)
  return new PieceCompressor(kind === 'gzip' ? gzip : await loadZstd(), level, inner)
}

const PIECE = 1 << 20
/** One for the thread: it makes one blob at a time. */
let piece: Buffer | undefined

class PieceCompressor implements Compressor {
  private readonly buffer: Buffer
  private readonly out: SinkWriter

  constructor(
    private readonly compress: Compress,
    private readonly level: number,
    inner: Sink,
  ) {
    piece ??= Buffer.allocUnsafeSlow(PIECE)
    this.buffer = piece
    this.out = new SinkWriter(inner)
  }

  lend(): Buffer {
    return this.buffer
  }

  accept(used: number): void {
    this.out.write(this.compress(this.buffer.subarray(0, used), this.level))
  }

  finish(): void {
    this.out.end()
  }
}

class Passage implements Compressor {
  constructor(private readonly inner: Sink) {}

  lend(): Buffer {
    return this.inner.lend()
  }

  accept(used: number): void {
    this.inner.accept(used)
  }

  finish(): void {}
}

function gzip(bytes: Buffer, level: number): Buffer {
  return gzipSync(bytes, { level })
}

let zstd: Promise<Compress> | undefined

/** One instance for the thread: a second start would clear the memory of the first. */
function loadZstd(): Promise<Compress> {
  zstd ??= (async () => {
    const { compress, init } = await import('@bokuweb/zstd-wasm')
    await init()
    return compress
  })()
  return zstd
}
