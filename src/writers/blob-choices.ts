/** What is known and decided of a layer before any byte of it is read. */
import { layerType } from '../documents/oci-manifest.js'
import { type BlobCompression, DEFAULT_COMPRESSION, PLAIN } from '../model/compression.js'
import type { Descriptor } from '../model/descriptor.js'
import type { ByDigest } from '../model/destination.js'
import type { Digest } from '../model/digest.js'
import type { Blob, Layer, StoredBlob } from '../model/layer.js'
import type { PreviousBlobs } from './previous-blobs.js'
import type { WriteContext } from './written.js'

/** How many layers are on their way beside those that threads work on: they are being uploaded, or asked for. */
export const ON_THEIR_WAY = 4

/**
 * How many blobs a registry is asked for at once: a question takes a round trip and nothing else (1,000 that are all there, 50 ms
 * each: 9.5 s with 6 at once, 2.6 s with 32).
 */
const QUESTIONS = 32

/** Of how many layers it is found out at once whether they have to be sent. */
export function looksAtOnce(destinations: readonly ByDigest[], { workshop }: WriteContext): number {
  return destinations.some(({ isRemote }) => isRemote) ? QUESTIONS : workshop.threads + ON_THEIR_WAY
}

export interface KnownBlob {
  blob: Blob
  /** Whether the cache says so; otherwise a previous image does. */
  isCached: boolean
}

/** How blobs are made that have to be. */
export function compressionFor(
  destinations: readonly ByDigest[],
  asked: WriteContext['compression'],
): BlobCompression {
  if (asked !== undefined) return asked
  return destinations.some(({ compression }) => compression === 'gzip') ? DEFAULT_COMPRESSION.gzip : PLAIN
}

/** The blob that a layer is already, where it goes as it is. */
export function copied({ stored }: Layer, asked: WriteContext['compression']): StoredBlob | undefined {
  return asked === undefined || asked.kind === stored?.kind ? stored : undefined
}

/** The descriptor that a blob has when it is copied: its media type is one of the OCI's. */
export function copiedDescriptor({ descriptor, kind }: StoredBlob): Descriptor {
  return kind === undefined ? descriptor : { ...descriptor, mediaType: layerType(kind) }
}

/** The same for layers of which one blob serves all; undefined where nothing tells. */
export async function sharedKey(
  layer: Layer,
  asked: WriteContext['compression'],
): Promise<string | undefined> {
  const whole = copied(layer, asked)
  if (whole === undefined) return (await layer.key())?.text
  const { descriptor, diffId } = whole
  return [descriptor.mediaType, descriptor.digest, diffId].join(' ')
}

/** A layer's blob without making it: what the cache says, or every store's own previous image. */
export async function recallBlob(
  layer: Layer,
  compression: BlobCompression,
  previous: PreviousBlobs,
  { memory }: WriteContext,
): Promise<KnownBlob | undefined> {
  const cached = await memory.recall(layer, compression)
  const blob = cached ?? (await previous.find(layer, compression))
  return blob && { blob, isCached: cached !== undefined }
}

/** What is known of a layer's archive before it is read. */
export async function sizeOf(
  layer: Layer,
): Promise<{ size: number | undefined; diffId: Digest | undefined }> {
  const { stored } = layer
  // A blob's plan is had by reading it.
  if (stored !== undefined)
    return { size: stored.kind === 'none' ? stored.descriptor.size : undefined, diffId: stored.diffId }
  const { size, diffId } = await layer.plan()
  return { size, diffId }
}
