/**
 * An image as blobs, to all blob stores that take it. Each layer goes its own way: when its key tells its digest, a
 * store that has it is asked for nothing more; otherwise a worker produces the blob, once for all stores. Of those that
 * have to be sent the largest go first.
 */
import { rmSync } from 'node:fs'
import { isDeepStrictEqual } from 'node:util'
import pLimit, { type LimitFunction } from 'p-limit'
import { saveBlob } from '../blob-stores/save-blob.js'
import { isProvenBy } from '../cache/layer-keys.js'
import { nameOf, untrueLayer } from '../documents/layer-names.js'
import { layerType, MANIFEST_TYPE, manifestDocument, parseManifest } from '../documents/oci-manifest.js'
import type { BlobStore } from '../model/blob-store.js'
import type { BlobCompression } from '../model/compression.js'
import type { Descriptor, Document } from '../model/descriptor.js'
import type { ByDigest, Destination } from '../model/destination.js'
import type { Digest } from '../model/digest.js'
import type { LayerUnderWay } from '../model/events.js'
import type { Image } from '../model/image.js'
import type { Layer, StoredBlob } from '../model/layer.js'
import type { Amount, LayerResult } from '../options.js'
import { compressionFor, copied, type KnownBlob, ON_THEIR_WAY, recallBlob } from './blob-choices.js'
import { checkLayerCount } from './docker-archive.js'
import { LargestFirst } from './largest-first.js'
import { describe, PreviousBlobs } from './previous-blobs.js'
import type { AtDestination, Finished, KnownImage, WriteContext } from './written.js'

export type Outcome = 'uploaded' | 'mounted' | 'skipped'

/** A layer that every store has. */
export interface Delivered {
  diffId: Digest
  /** Of the archive; undefined when it was not unpacked. */
  size: number | undefined
  descriptor: Descriptor
  /** For each store, in order. */
  outcomes: Outcome[]
}

/** An image whose layers every store has. */
export interface DeliveredImage extends KnownImage {
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

/** The image's own manifest, where it has one that says what a new one would: what is about it names its digest. */
function manifestOf(
  { stored }: Image,
  config: Document,
  delivered: readonly Delivered[],
  { annotations = {} }: WriteContext,
): Document {
  const descriptors = delivered.map(({ descriptor }) => descriptor)
  if (stored !== undefined && Object.keys(annotations).length === 0) {
    const before = parseManifest(stored.manifest, stored.store.name)
    const isKept = isDeepStrictEqual(
      [stored.manifest.descriptor.mediaType, before.config.digest, before.layers],
      [MANIFEST_TYPE, config.descriptor.digest, descriptors],
    )
    if (isKept) return stored.manifest
  }
  return manifestDocument(config.descriptor, descriptors, annotations)
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

class BlobWriter {
  private readonly compression: BlobCompression
  private readonly delivered = new Map<string, Promise<Delivered>>()
  /** Layers whose sizes were told. */
  private readonly sized = new WeakSet<Where>()
  /** Layers of which it is found out whether they have to be sent. */
  private readonly looks: LimitFunction
  /** Layers that are sent: as many temporary files there are at most. */
  private readonly sends: LargestFirst

  constructor(
    private readonly destinations: readonly ByDigest[],
    private readonly previous: PreviousBlobs,
    private readonly context: WriteContext,
  ) {
    this.compression = compressionFor(destinations, context.compression)
    const most = context.workshop.threads + ON_THEIR_WAY
    this.looks = pLimit(most)
    this.sends = new LargestFirst(most)
  }

  /** What has not begun never does. */
  stop(): void {
    this.looks.clearQueue()
    this.sends.stop()
  }

  /** A layer that several images have is delivered once. */
  async deliver(layer: Layer, at: Where): Promise<Delivered> {
    const key = layer.stored === undefined ? (await layer.key())?.text : undefined
    const before = key === undefined ? undefined : this.delivered.get(key)
    if (before !== undefined) {
      const delivered = await before
      this.planned(at, delivered.size ?? delivered.descriptor.size)
      return { ...delivered, outcomes: this.destinations.map(() => 'skipped') }
    }
    const delivering = this.bring(layer, at)
    if (key !== undefined) this.delivered.set(key, delivering)
    return delivering
  }

  private async bring(layer: Layer, at: Where): Promise<Delivered> {
    const { stored } = layer
    const whole = copied(layer, this.context.compression)
    if (whole !== undefined) return this.sends.run(whole.descriptor.size, () => this.copy(layer, whole, at))
    const found = await this.looks(() => this.find(layer))
    if ('outcomes' in found) {
      this.planned(at, found.size ?? found.descriptor.size)
      return found
    }
    const { known, file } = found
    if (known !== undefined && file !== undefined)
      return this.sends.run(this.planned(at, known.blob.size), () => this.send(layer, known, file, at))
    // A blob's plan is had by reading it.
    const size = stored?.descriptor.size ?? layer.plan().then((plan) => this.planned(at, plan.size))
    return this.sends.run(size, () => this.make(layer, known, at))
  }

  /** Has all stores take the layer without sending it; where that cannot be, what is known of it. */
  private async find(layer: Layer): Promise<Delivered | Unsent> {
    const known = await this.known(layer)
    if (known === undefined) return { known }
    const descriptor = describe(known.blob, await layer.key(), this.compression)
    const outcomes = await Promise.all(this.destinations.map((it) => bringAlong(it, descriptor)))
    if (outcomes.every((outcome) => outcome !== undefined)) return { ...known.blob, descriptor, outcomes }
    return { known, file: await this.context.memory.blobFile(layer, this.compression) }
  }

  /** A layer's blob without making it: what the cache says, or every store's own previous image. */
  private async known(layer: Layer): Promise<KnownBlob | undefined> {
    const { passes, verify } = this.context
    const known = await recallBlob(layer, this.compression, this.previous, this.context)
    if (known === undefined) return undefined
    // What a base claims is no reason to leave a layer unread.
    if (layer.source.kind === 'base') await passes.compare(layer)
    else if (verify) {
      const { diffId } = await layer.checksum(false)
      if (!(await this.isTrue(layer, known, diffId))) return undefined
    }
    return known
  }

  private async make(layer: Layer, known: KnownBlob | undefined, at: Where): Promise<Delivered> {
    const { workshop, memory, underWay } = this.context
    const file = workshop.makeFile()
    try {
      const { recipe, size, diffId } = await layer.plan()
      this.planned(at, size)
      const key = await layer.key()
      const nar = key?.narHashes !== undefined
      const task = { recipe, size, compression: this.compression, file, offset: 0, nar }
      const blob = await underWay.counted({ ...at, step: 'making', total: size, size }, (counter) =>
        workshop.blob({ ...task, counter }, nameOf(layer.source)),
      )
      if (diffId !== undefined && diffId !== blob.diffId) throw untrueLayer(layer.source, diffId, blob.diffId)
      if (known !== undefined) await this.isTrue(layer, known, blob.diffId)
      const isProven = key !== undefined && isProvenBy(key, blob.narHashes)
      const descriptor = describe(blob, isProven ? key : undefined, this.compression)
      const outcomes = await this.put(descriptor, async () => file, { ...at, size })
      await memory.remember(layer, this.compression, blob)
      return { ...blob, descriptor, outcomes }
    } finally {
      rmSync(file, { force: true })
    }
  }

  /** A blob that a layer file has: its bytes are compared with what that says, packed and unpacked. */
  private async send(layer: Layer, { blob }: KnownBlob, path: string, at: Where): Promise<Delivered> {
    const packed = await this.context.workshop.fileDigests(path, this.compression.kind, nameOf(layer.source))
    const expected = [blob.digest, blob.blobSize, blob.diffId, blob.size].join(', ')
    const found = [packed.digest, packed.blobSize, packed.diffId, packed.size].join(', ')
    if (found !== expected)
      throw await this.context.memory.stale(layer, this.compression, nameOf(layer.source), expected, found)
    const descriptor = describe(blob, await layer.key(), this.compression)
    const outcomes = await this.put(descriptor, async () => path, { ...at, size: blob.size })
    return { ...blob, descriptor, outcomes }
  }

  /** A layer that is a blob already, as it is. */
  private async copy(layer: Layer, stored: StoredBlob, at: Where): Promise<Delivered> {
    const { store, descriptor, kind, diffId } = stored
    const { workshop, passes, underWay } = this.context
    // The config of another image is to be true of it too.
    const size = layer.source.kind === 'base' ? (await passes.compare(layer)).size : undefined
    const sized = { ...at, size: size ?? descriptor.size }
    this.planned(at, sized.size)
    const mediaType = kind === undefined ? descriptor.mediaType : layerType(kind)
    let file: string | undefined
    try {
      let fetched = 0
      const count = (bytes: number): void => {
        fetched += bytes
      }
      const fetch = (): Promise<string> => saveBlob(store, descriptor, workshop.makeFile, count)
      const content = async (): Promise<string> => {
        const work = { ...sized, step: 'fetching', total: descriptor.size } as const
        file ??= await underWay.during(work, () => fetched, fetch)
        return file
      }
      const outcomes = await this.put({ ...descriptor, mediaType }, content, sized)
      return { diffId, size, descriptor: { ...descriptor, mediaType }, outcomes }
    } finally {
      if (file !== undefined) rmSync(file, { force: true })
    }
  }

  /** @param content gives the blob's file, where it must be sent */
  private async put(blob: Descriptor, content: () => Promise<string>, at: Sized): Promise<Outcome[]> {
    const outcomes: Outcome[] = []
    for (const destination of this.destinations) {
      const brought = await bringAlong(destination, blob)
      if (brought === undefined) await this.upload(blob, await content(), destination, at)
      outcomes.push(brought ?? 'uploaded')
    }
    return outcomes
  }

  /** Tells a layer's size, once. @returns it */
  private planned(at: Where, size: number): number {
    if (!this.sized.has(at)) this.context.emit({ type: 'layer-planned', ...at, size })
    this.sized.add(at)
    return size
  }

  private upload(blob: Descriptor, path: string, { name, store }: ByDigest, at: Sized): Promise<void> {
    let sent = 0
    const onSent = (bytes: number): void => {
      sent = bytes
    }
    const work = { ...at, step: 'sending', destination: name, total: blob.size } as const
    return this.context.underWay.during(
      work,
      () => sent,
      () => store.put(blob, path, { hashed: true, onSent }),
    )
  }

  /**
   * Compares what was known of a layer with what was read.
   * @returns false, with a warning, when a previous image's annotation is not true @throws ImageError CACHE_STALE
   */
  private async isTrue(layer: Layer, { blob, isCached }: KnownBlob, found: Digest): Promise<boolean> {
    if (blob.diffId === found) return true
    const name = nameOf(layer.source)
    if (isCached) throw await this.context.memory.stale(layer, this.compression, name, blob.diffId, found)
    const message = `${name}: the annotation of the image that was there says ${blob.diffId}, found ${found}; it is not used`
    this.context.emit({ type: 'warning', message })
    return false
  }
}

/** Which layer it is, for people. */
type Where = Pick<LayerUnderWay, 'number' | 'image' | 'source'>
type Sized = Where & Pick<LayerUnderWay, 'size'>

/** A layer that has to be sent. */
interface Unsent {
  known: KnownBlob | undefined
  /** Its blob, where a layer file has it. */
  file?: string | undefined
}

/** Has the blob there without sending it; undefined when that cannot be. */
async function bringAlong({ store }: ByDigest, blob: Descriptor): Promise<Outcome | undefined> {
  if (await store.has(blob)) return 'skipped'
  return (await store.mount(blob)) ? 'mounted' : undefined
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
