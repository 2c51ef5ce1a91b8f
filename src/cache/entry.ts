/**
 * What a cache keeps of a layer: one short text, which tells by itself whether it is whole and of which name.
 * Names are keys, ways to compress and encoders; what does not fit its name is no entry.
 */
import { createHash } from 'node:crypto'
import * as v from 'valibot'
import { type BlobCompression, type BlobKind, encoderName } from '../model/compression.js'
import { type Digest, isDigest, toHex } from '../model/digest.js'
import type { Blob, LayerKey } from '../model/layer.js'

/** No entry is longer, in characters or bytes: stores read no more than this. */
export const ENTRY_LIMIT = 1024

/** Entries that nobody wrote anew for this long go, in milliseconds. */
export const LIFETIME = 90 * 86_400_000

/** How a layer's blob is called: its key, how it is compressed, and by what, since another encoder makes other bytes. */
export function blobName(key: LayerKey, { kind, level }: BlobCompression): string {
  return kind === 'none' ? `${key.text}-none` : `${key.text}-${kind}-${level}-${encoderName(kind)}`
}

/** Those without an encoder are of earlier versions: they are looked after, and nobody asks for them. */
const NAME = /^(nar|plan|diff)-([0-9a-f]{64})-(none|(gzip|zstd)-\d{1,2}(-[\w.+-]{1,64})?)$/

/** Whether the text is one that {@link blobName} gives, or gave. */
export function isBlobName(text: string): boolean {
  return NAME.test(text)
}

export function encodeEntry(name: string, { diffId, size, digest, blobSize }: Blob): string {
  const fields = JSON.stringify({ diffId, size, digest, blobSize })
  return `${checksum(name, fields)} ${fields}\n`
}

/** @returns undefined for what is no entry of that name, or not whole */
export function decodeEntry(name: string, text: string): Blob | undefined {
  if (text.length > ENTRY_LIMIT) return undefined
  const [, sum, fields] = /^([0-9a-f]{64}) (.*)\n$/.exec(text) ?? []
  if (fields === undefined || sum !== checksum(name, fields)) return undefined
  try {
    const blob = v.parse(ENTRY, JSON.parse(fields))
    return fitsName(name, blob) ? blob : undefined
  } catch {
    return undefined
  }
}

const DIGEST = v.custom<Digest>(isDigest)
const SIZE = v.pipe(v.number(), v.safeInteger(), v.minValue(0))
const ENTRY = v.object({ diffId: DIGEST, size: SIZE, digest: DIGEST, blobSize: SIZE })

/** Store layers are whole records of a tar archive, in bytes (POSIX pax, "pax Archive File Format"). */
const RECORD = 10240

/** Whether a layer of that name can have such a blob, whoever says so: a cache, an annotation. */
export function fitsName(name: string, { diffId, size, digest, blobSize }: Blob): boolean {
  const [, key, hex, , kind = 'none'] = NAME.exec(name) ?? []
  if (key === undefined) return false
  if (key === 'diff' ? toHex(diffId) !== hex : size === 0 || size % RECORD !== 0) return false
  return (kind as BlobKind) === 'none'
    ? digest === diffId && blobSize === size
    : digest !== diffId && blobSize > 0 && blobSize <= largestBlob(size)
}

/** More than what gzip and zstd make of bytes that they cannot compress, a megabyte at a time. */
function largestBlob(size: number): number {
  return size + size / 128 + 4096
}

function checksum(name: string, fields: string): string {
  return createHash('sha256').update(`${name}\n${fields}`).digest('hex')
}
