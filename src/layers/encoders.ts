/** What compresses a piece of an archive: the same bytes on every thread and machine where the encoder has the same name. */
import * as zlib from 'node:zlib'
import { type BlobKind, hasNodeZstd } from '../model/compression.js'

export type Encode = (bytes: Uint8Array, level: number) => Uint8Array

/** As gzip member (RFC 1952, 2.2) or zstd frame (RFC 8878, 3) of its own. */
export async function encoder(kind: Exclude<BlobKind, 'none'>): Promise<Encode> {
  if (kind === 'gzip') return gzip
  return hasNodeZstd ? nodeZstd : loadZstd()
}

function gzip(bytes: Uint8Array, level: number): Uint8Array {
  return zlib.gzipSync(bytes, { level })
}

/** What Node 22.15 has, and Node 20 has not. */
interface NodeZstd {
  zstdCompressSync(bytes: Uint8Array, options: { params: Record<number, number> }): Uint8Array
  constants: { ZSTD_c_compressionLevel: number }
}

function nodeZstd(bytes: Uint8Array, level: number): Uint8Array {
  const { zstdCompressSync, constants } = zlib as unknown as NodeZstd
  return zstdCompressSync(bytes, { params: { [constants.ZSTD_c_compressionLevel]: level } })
}

let zstd: Promise<Encode> | undefined

/** One instance for the thread: a second start would clear the memory of the first. */
function loadZstd(): Promise<Encode> {
  zstd ??= (async () => {
    const { compress, init } = await import('@bokuweb/zstd-wasm')
    await init()
    return compress
  })()
  return zstd
}
