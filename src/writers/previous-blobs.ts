/**
 * Descriptors that say what their blob was made from, so that later builds can tell that it is the same; and what
 * the images say that are there already. They are believed for their own store alone.
 */
import { blobName, fitsName } from '../cache/entry.js'
import { kindOf, layerType } from '../documents/oci-manifest.js'
import { ImageError } from '../errors.js'
import type { BlobCompression } from '../model/compression.js'
import type { Descriptor } from '../model/descriptor.js'
import type { ByDigest, PreviousImage } from '../model/destination.js'
import { isDigest } from '../model/digest.js'
import type { Emit } from '../model/events.js'
import type { Blob, Layer, LayerKey } from '../model/layer.js'

const KEY = 'stream-layered-image.key'
const DIFF_ID = 'stream-layered-image.diff-id'
const SIZE = 'stream-layered-image.size'

/** The blob's descriptor, which carries its key when that means the same on every machine. */
export function describe(blob: Blob, key: LayerKey | undefined, compression: BlobCompression): Descriptor {
  const descriptor = { mediaType: layerType(compression.kind), digest: blob.digest, size: blob.blobSize }
  if (!key?.portable) return descriptor
  const annotations = {
    [KEY]: blobName(key, compression),
    [DIFF_ID]: blob.diffId,
    [SIZE]: String(blob.size),
  }
  return { ...descriptor, annotations }
}

export class PreviousBlobs {
  /** For each store, the descriptors of its previous images by the names that they carry. */
  private readonly stores: readonly ReadonlyMap<string, Descriptor>[]

  private constructor(
    private readonly destinations: readonly ByDigest[],
    private readonly images: readonly (readonly PreviousImage[])[],
  ) {
    this.stores = images.map((all) => {
      const layers = all.flatMap((image) => image.layers)
      // The first image is the most likely one.
      return new Map(layers.reverse().map((layer) => [layer.annotations?.[KEY] ?? '', layer]))
    })
  }

  static async of(destinations: readonly ByDigest[], emit: Emit): Promise<PreviousBlobs> {
    const images = await Promise.all(destinations.map((destination) => read(destination, emit)))
    return new PreviousBlobs(destinations, images)
  }

  /** Tells which of the images has most of an image's layers; where there was none, that all had to be made. */
  tell(layers: readonly Descriptor[], isMade: boolean, emit: Emit): void {
    const digests = new Set(layers.map(({ digest }) => digest))
    for (const [i, { name: destination, isRemote }] of this.destinations.entries()) {
      const shared = this.images[i]!.map((image) => ({
        image: image.name,
        unchanged: image.layers.filter(({ digest }) => digests.has(digest)).length,
      }))
      const [best] = shared.sort((a, b) => b.unchanged - a.unchanged)
      if (isRemote && (best !== undefined || isMade))
        emit({ type: 'previous-image', destination, layers: layers.length, ...best })
    }
  }

  /** The layer's blob, when each store's previous images say the same of it. */
  async find(layer: Layer, compression: BlobCompression): Promise<Blob | undefined> {
    const key = await layer.key()
    if (key === undefined) return undefined
    const blobs = this.stores.map((store) => blobOf(store.get(blobName(key, compression)), key, compression))
    const [first] = blobs
    return blobs.every(
      (blob) => blob !== undefined && blob.digest === first!.digest && blob.diffId === first!.diffId,
    )
      ? first
      : undefined
  }
}

async function read(destination: ByDigest, emit: Emit): Promise<readonly PreviousImage[]> {
  try {
    return await destination.previous()
  } catch (error) {
    if (!(error instanceof ImageError && error.code === 'IMAGE_INVALID')) throw error
    emit({ type: 'warning', message: `the image that is there is of no use: ${error.message}` })
    return []
  }
}

/** What a descriptor says; undefined when that cannot be true of the key. */
function blobOf(
  descriptor: Descriptor | undefined,
  key: LayerKey,
  compression: BlobCompression,
): Blob | undefined {
  const { [DIFF_ID]: diffId = '', [SIZE]: size = '' } = descriptor?.annotations ?? {}
  if (descriptor === undefined || !/^\d{1,15}$/.test(size)) return undefined
  if (!isDigest(diffId) || kindOf(descriptor) !== compression.kind) return undefined
  const blob = { diffId, size: Number(size), digest: descriptor.digest, blobSize: descriptor.size }
  return fitsName(blobName(key, compression), blob) ? blob : undefined
}
