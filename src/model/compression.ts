/** How blobs are made. */
export interface BlobCompression {
  kind: BlobKind
  /** gzip: 1 to 9, zstd: 1 to 19, none: 0. */
  level: number
}

export type BlobKind = 'none' | 'gzip' | 'zstd'

/** The archive as it is. */
export const PLAIN: BlobCompression = { kind: 'none', level: 0 }

/** How a file that is read may be compressed. */
export type Compression = BlobKind | 'bzip2' | 'xz'

/**
 * What is used when nothing, or no level, is asked for. gzip:4 makes blobs no larger than skopeo's in less time (5.4 GB of
 * programs: 2024 MiB in 42 s; gzip:6 1976 MiB in 64 s).
 */
export const DEFAULT_COMPRESSION: Record<BlobKind, BlobCompression> = {
  none: PLAIN,
  gzip: { kind: 'gzip', level: 4 },
  zstd: { kind: 'zstd', level: 3 },
}

/** The highest level of each kind; the lowest is 1. */
export const HIGHEST_LEVEL: Record<BlobKind, number> = { none: 0, gzip: 9, zstd: 19 }

/** Whether Node itself has zstd, as it does from 22.15 on. */
export const hasNodeZstd = process.versions.zstd !== undefined

/** The version of @bokuweb/zstd-wasm that is installed; package.json asks for no other. */
export const WASM_ZSTD = '0.0.27'

/**
 * What makes blobs of a kind here. Encoders of equal names make equal bytes of equal ones; zlib's are others on other
 * architectures, whose instructions it hashes with.
 */
export function encoderName(kind: Exclude<BlobKind, 'none'>): string {
  const { zlib, zstd } = process.versions
  if (kind === 'gzip') return `zlib-${zlib}-${process.arch}`
  return hasNodeZstd ? `libzstd-${zstd}` : `wasm-${WASM_ZSTD}`
}
