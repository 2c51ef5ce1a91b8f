/** What compresses a piece of an archive: the same bytes on every thread and machine where the encoder has the same name. */
import * as zlib from 'node:zlib'
import { type BlobKind, hasNodeZstd } from '../model/compression.js'
import { giveBack } from './give-back.js'

/** @param into takes what the bytes become, and may be where they are @returns how many those are */
export type Encode = (bytes: Uint8Array, level: number, into: Uint8Array) => number

/** As gzip member (RFC 1952, 2.2) or zstd frame (RFC 8878, 3) of its own. */
export async function encoder(kind: Exclude<BlobKind, 'none'>): Promise<Encode> {
  if (kind === 'gzip') return gzip
  return hasNodeZstd ? nodeZstd : loadZstd()
}

/** In one buffer: zlib's own are small, and put together in a further one. */
function gzip(bytes: Uint8Array, level: number, into: Uint8Array): number {
  return moveTo(into, zlib.gzipSync(bytes, { level, chunkSize: Math.max(LEAST_CHUNK, into.length) }))
}

/** Bytes of a buffer that is zlib's own, and no part of one that Node shares among small ones. */
const LEAST_CHUNK = 16 << 10

/** What Node 22.15 has, and Node 20 has not. */
interface NodeZstd {
  zstdCompressSync(
    bytes: Uint8Array,
    options: { params: Record<number, number>; chunkSize: number },
  ): Uint8Array<ArrayBuffer>
  constants: { ZSTD_c_compressionLevel: number }
}

function nodeZstd(bytes: Uint8Array, level: number, into: Uint8Array): number {
  const { zstdCompressSync, constants } = zlib as unknown as NodeZstd
  const params = { [constants.ZSTD_c_compressionLevel]: level }
  return moveTo(into, zstdCompressSync(bytes, { params, chunkSize: Math.max(LEAST_CHUNK, into.length) }))
}

/** Copies a result, and gives its memory back (8 threads, 1.5 GB that cannot be compressed: 425 MB, 185 MB so). */
function moveTo(into: Uint8Array, result: Uint8Array<ArrayBuffer>): number {
  const { length } = result
  into.set(result)
  giveBack(result.buffer)
  return length
}

let zstd: Promise<Encode> | undefined

/** One instance for the thread: a second start would clear the memory of the first. */
function loadZstd(): Promise<Encode> {
  zstd ??= (async () => {
    const { compress, init } = await import('@bokuweb/zstd-wasm')
    await init()
    return (bytes, level, into) => {
      const packed = compress(bytes, level)
      into.set(packed)
      return packed.length
    }
  })()
  return zstd
}
