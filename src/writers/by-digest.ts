/** An image as blobs, to all blob stores that take it: its layers, then its config and its manifest, then its names. */
import { manifestDocument } from '../documents/oci-manifest.js'
import type { BlobStore } from '../model/blob-store.js'
import type { Document } from '../model/descriptor.js'
import type { ByDigest, Destination } from '../model/destination.js'
import type { Image } from '../model/image.js'
import type { Layer } from '../model/layer.js'
import type { Amount, LayerResult } from '../results.js'
import { BlobWriter, type Delivered, type Outcome } from './blob-writer.js'
import { checkLayerCount } from './docker-archive.js'
import { keptManifest } from './kept-manifest.js'
import { PreviousBlobs } from './previous-blobs.js'
import type { AtDestination, Finished, KnownImage, WriteContext } from './written.js'

/** An image whose layers every store has. */
interface DeliveredImage extends KnownImage {
  layers: LayerResult[]
  delivered: readonly Delivered[]
  manifest: Document
}

/** @throws ImageError; stores then have no manifest that they did not have before */
export async function writeByDigest(
  image: Image,
  destinations: readonly ByDigest[],
  context: WriteContext,
): Promise<Finished> {
  const [known] = await deliverImages([image] as const, destinations, context)
  const { config, layers, delivered } = known
  const outcomes = new Map<Destination, AtDestination>()
  for (const [i, destination] of destinations.entries()) {
    const { store, tags } = destination
    const { descriptor } = await putImage(store, known, tags)
    const attached = await context.attach?.(known, descriptor, destination)
    await store.finish()
    const result = {
      ...{ manifestDigest: descriptor.digest, ...sumUp(delivered, i) },
      ...(attached === undefined ? {} : { attached }),
    }
    outcomes.set(destination, { result, layers: deliveredTo(delivered, i) })
  }
  return {
    imageId: config.descriptor.digest,
    layers,
    outcomes,
    publish: () => publishAll(destinations),
    // What was put by digest alone is seen by nobody, and a store's owner closes it.
    discard: () => {},
  }
}

/** Brings the layers of images to all stores, one image after the other. @returns as many as there are images */
export async function deliverImages<const Images extends readonly Image[]>(
  images: Images,
  destinations: readonly ByDigest[],
  context: WriteContext,
): Promise<{ [K in keyof Images]: DeliveredImage }> {
  const { emit } = context
  const previous = await PreviousBlobs.of(destinations, emit)
  const writer = new BlobWriter(destinations, previous, context)
  const all: DeliveredImage[] = []
  emit({
    ...{ type: 'image-planned', shape: 'by-digest', destinations: destinations.map(({ name }) => name) },
    isRemote: destinations.some(({ isRemote }) => isRemote),
    layers: images.reduce((sum, { layers }) => sum + layers.length, 0),
  })
  for (const [n, image] of images.entries()) {
    checkLayerCount(image, emit)
    const which = images.length > 1 ? { image: n + 1 } : {}
    const deliver = async (layer: Layer, i: number): Promise<Delivered> => {
      const at = { number: i + 1, ...which, source: layer.source }
      const delivered = await writer.deliver(layer, at)
      const { diffId: digest, size, descriptor, outcomes } = delivered
      const blob = { digest: descriptor.digest, size: descriptor.size }
      emit({ type: 'layer-delivered', ...at, digest, size, blob, outcomes })
      return delivered
    }
    const delivered = await Promise.all(image.layers.map(deliver)).catch((error) => {
      writer.stop()
      throw error
    })
    const config = image.config(delivered.map(({ diffId }) => diffId))
    const layers = delivered.map(({ diffId, size }, i) => ({ source: image.layers[i]!.source, diffId, size }))
    all.push({ image, config, layers, delivered, manifest: manifestOf(image, config, delivered, context) })
  }
  const delivered = all.flatMap((image) => image.delivered)
  const isMade = delivered.some(({ outcomes }) => outcomes.includes('uploaded'))
  previous.tell(
    delivered.map(({ descriptor }) => descriptor),
    isMade,
    emit,
  )
  emit({ type: 'manifests-started' })
  return all as { [K in keyof Images]: DeliveredImage }
}

/** Puts an image's config and manifest. @returns the manifest as it is there */
export async function putImage(
  store: BlobStore,
  { config, manifest }: DeliveredImage,
  tags: readonly string[],
): Promise<Document> {
  if (!(await store.has(config.descriptor))) await store.put(config.descriptor, config.bytes)
  return putTagged(store, manifest, tags)
}

function manifestOf(
  image: Image,
  config: Document,
  delivered: readonly Delivered[],
  context: WriteContext,
): Document {
  const descriptors = delivered.map(({ descriptor }) => descriptor)
  return keptManifest(image, context) ?? manifestDocument(config.descriptor, descriptors, context.annotations)
}

/** Puts a manifest or an index under all tags, or by its digest. @returns what it is there */
export async function putTagged(
  store: BlobStore,
  document: Document,
  tags: readonly string[],
): Promise<Document> {
  let stored = document
  for (const tag of tags.length === 0 ? [undefined] : tags) stored = await store.putManifest(stored, tag)
  return stored
}

export async function publishAll(destinations: readonly ByDigest[]): Promise<void> {
  for (const { store } of destinations) await store.publish()
}

/** What became of the layers at one destination. */
export function deliveredTo(delivered: readonly Delivered[], destination: number): AtDestination['layers'] {
  return delivered.map(({ descriptor: { digest, size }, outcomes }) => ({
    ...{ outcome: outcomes[destination]!, digest, size },
  }))
}

export function sumUp(delivered: readonly Delivered[], destination: number): Record<Outcome, Amount> {
  const sums = {
    uploaded: { layers: 0, bytes: 0 },
    mounted: { layers: 0, bytes: 0 },
    skipped: { layers: 0, bytes: 0 },
  }
  for (const { descriptor, outcomes } of delivered) {
    const sum = sums[outcomes[destination]!]
    sum.layers++
    sum.bytes += descriptor.size
  }
  return sums
}
