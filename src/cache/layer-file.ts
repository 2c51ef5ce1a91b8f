/**
 * Layer files: what the checksum pass of one layer found, so that it is done once for all machines. A few hundred bytes
 * of JSON: paths with their NAR hashes, owner and time, diff ID and size, and the layer's blob where it was made too.
 */
import { dirname, isAbsolute, join } from 'node:path'
import * as v from 'valibot'
import { attempt, ImageError } from '../errors.js'
import { readRegular } from '../files/open-regular.js'
import { type BlobCompression, encoderName } from '../model/compression.js'
import { type Digest, isDigest } from '../model/digest.js'
import type { Blob } from '../model/layer.js'
import type { Owner } from '../model/owner.js'

/** Changes whenever a layer of the same content would have other bytes, or the file other fields. */
const VERSION = 1

export interface LayerFile {
  paths: readonly string[]
  /** Of each path, as `nix-store --query --hash` prints it. */
  narHashes: readonly string[]
  owner: Owner
  diffId: Digest
  /** Bytes of its archive. */
  size: number
  blob?: LayerFileBlob | undefined
}

export interface LayerFileBlob {
  /** Its file; where the layer file is, when the path is relative. */
  file: string
  compression: BlobCompression
  /** What compressed it, as {@link encoderName} tells; undefined in files of earlier versions. */
  encoder?: string | undefined
  digest: Digest
  /** Bytes. */
  size: number
}

export function encodeLayerFile({ paths, narHashes, owner, diffId, size, blob }: LayerFile): string {
  const fields = {
    version: VERSION,
    paths: paths.map((path, i) => ({ path, narHash: narHashes[i] })),
    owner: { ...owner, uid: Number(owner.uid), gid: Number(owner.gid) },
    diffId,
    size,
    blob,
  }
  return `${JSON.stringify(fields)}\n`
}

const DIGEST = v.custom<Digest>(isDigest, 'a digest')
const COUNT = v.pipe(v.number(), v.safeInteger(), v.minValue(0))
const LAYER = v.object({
  version: v.literal(VERSION),
  paths: v.pipe(
    v.array(v.object({ path: v.string(), narHash: v.string() })),
    v.minLength(1, 'expected a path'),
  ),
  owner: v.object({
    mtime: v.pipe(v.number(), v.safeInteger()),
    uid: COUNT,
    gid: COUNT,
    uname: v.string(),
    gname: v.string(),
  }),
  diffId: DIGEST,
  size: COUNT,
  blob: v.optional(
    v.object({
      file: v.string(),
      compression: v.object({ kind: v.picklist(['gzip', 'zstd', 'none']), level: COUNT }),
      encoder: v.optional(v.string()),
      digest: DIGEST,
      size: COUNT,
    }),
  ),
})

/** @throws ImageError LAYER_FILE_INVALID naming the file */
export function readLayerFile(path: string): LayerFile {
  const text = attempt('LAYER_FILE_INVALID', `cannot read the layer file ${path}`, () =>
    readRegular(path).toString(),
  )
  let document: unknown
  try {
    document = JSON.parse(text)
  } catch {
    throw unfit(path, 'JSON', 'something else')
  }
  const { version } = (document ?? {}) as { version?: unknown }
  if (version !== VERSION)
    throw unfit(path, `the format version ${VERSION}`, JSON.stringify(version) ?? 'none')
  const result = v.safeParse(LAYER, document)
  if (!result.success)
    throw unfit(path, `a layer's fields`, `${v.getDotPath(result.issues[0])}: ${result.issues[0].message}`)
  const { paths, owner, diffId, size, blob } = result.output
  return {
    paths: paths.map((it) => it.path),
    narHashes: paths.map((it) => it.narHash),
    owner: { ...owner, uid: BigInt(owner.uid), gid: BigInt(owner.gid) },
    diffId,
    size,
    blob: blob && { ...blob, file: isAbsolute(blob.file) ? blob.file : join(dirname(path), blob.file) },
  }
}

/** @throws ImageError LAYER_FILE_INVALID when the layer is one with another owner or time */
export function checkOwner(path: string, file: LayerFile, owner: Owner): void {
  for (const name of ['uid', 'gid', 'uname', 'gname', 'mtime'] as const) {
    if (file.owner[name] !== owner[name])
      throw unfit(path, `the image's ${name} ${shown(owner[name])}`, shown(file.owner[name]))
  }
}

function shown(value: string | number | bigint): string {
  return typeof value === 'string' ? JSON.stringify(value) : String(value)
}

/**
 * What the layer file says as a cache would.
 * @param compression the way its blob would have to be compressed, by what compresses here
 */
export function blobOf(file: LayerFile, compression: BlobCompression): Blob | undefined {
  const { diffId, size, blob } = file
  if (compression.kind === 'none') return { diffId, size, digest: diffId, blobSize: size }
  if (!isCompressedSo(file, compression) || blob?.encoder !== encoderName(compression.kind)) return undefined
  return { diffId, size, digest: blob.digest, blobSize: blob.size }
}

/** Whether its blob is compressed in that way, by whatever encoder. */
export function isCompressedSo({ blob }: LayerFile, { kind, level }: BlobCompression): boolean {
  return blob?.compression.kind === kind && blob.compression.level === level
}

/** The error for a layer file that is damaged, or not of this image. */
export function unfit(path: string, expected: string, found: string): ImageError {
  return new ImageError('LAYER_FILE_INVALID', `layer file ${path}: expected ${expected}, found ${found}`, {
    hint: MAKE_ANEW,
  })
}

/** What to do about a layer file that is of no use. */
export const MAKE_ANEW =
  'make it anew, with the options of the image: stream-layered-image layer PATH… -o layer.json'
