/**
 * An image as blobs, to all destinations that take it so. Each layer goes its own way: when its key tells
 * its digest, a destination that has it is asked for nothing more; otherwise a worker produces the blob,
 * once for all destinations.
 */
import { rmSync } from 'node:fs'
import pLimit from 'p-limit'
import { blobName, type DigestCache } from '../cache/digest-cache.js'
import type { LayerKey } from '../cache/layer-keys.js'
import { ImageError, staleEntry } from '../errors.js'
import type { Emit } from '../events.js'
import { type ContentLayer, produceBlob } from '../image/contents.js'
import type { Descriptor } from '../image/descriptor.js'
import { imageJson } from '../image/image-json.js'
import { historyPaths, nameOf } from '../image/layer.js'
import { configDocument, layerType, manifestDocument } from '../image/oci-manifest.js'
import type { Blob } from '../layers/blob.js'
import type { BlobCompression } from '../layers/compress.js'
import type { LayerPool } from '../pool/pool.js'
import type { BlobDestination } from './blob-destination.js'
import { checkLayerCount } from './docker-archive.js'
import type { ImageContents } from './docker-archive-file.js'

/** The name of a layer's blob in its descriptor, so that later builds can tell that it is the same. */
const KEY = 'stream-layered-image.key'
const DIFF_ID = 'stream-layered-image.diff-id'
const SIZE = 'stream-layered-image.size'

/** How many layers are on their way beside those that threads work on: they are being uploaded. */
const ON_THEIR_WAY = 4

export type Outcome = 'uploaded' | 'mounted' | 'skipped'

export interface BlobImageResult {
  /** SHA-256 of the image JSON in hex. */
  imageId: string
  layers: { digest: string; size: number }[]
  /** `sha256:…` */
  manifestDigest: string
  /** For each destination, in order, how many layers went which way. */
  outcomes: Record<Outcome, { layers: number; bytes: number }>[]
}

export interface BlobBuild {
  pool: LayerPool
  emit: Emit
  compression: BlobCompression
  cache: DigestCache | undefined
  threads: number
  /** Gives an empty temporary file. */
  makeFile: () => string
}

/** @throws ImageError; destinations then have no manifest that they did not have before */
export async function deliverBlobs(
  image: ImageContents,
  destinations: readonly BlobDestination[],
  build: BlobBuild,
): Promise<BlobImageResult> {
  checkLayerCount(image.layers.length, build.emit)
  const previous = await previousBlobs(destinations)
  const limit = pLimit(build.threads + ON_THEIR_WAY)
  const deliver = async (layer: ContentLayer, i: number): Promise<Delivered> => {
    const found = await deliverLayer(layer, destinations, previous, build)
    const { diffId: digest, size } = found.blob
    const { source } = layer
    build.emit({ type: 'layer-delivered', number: i + 1, source, digest, size, outcomes: found.outcomes })
    return found
  }
  const delivered = await Promise.all(image.layers.map((layer, i) => limit(() => deliver(layer, i)))).catch(
    (error) => {
      limit.clearQueue()
      throw error
    },
  )
  build.emit({ type: 'manifests-started' })
  const { created, architecture, config } = image
  const layers = delivered.map(({ blob }, i) => {
    return { digest: blob.diffId, historyPaths: historyPaths(image.layers[i]!.source) }
  })
  const json = imageJson({ created, architecture, config, layers })
  const document = configDocument(json.bytes, json.digest)
  const manifest = manifestDocument(
    document.descriptor,
    delivered.map(({ descriptor }) => descriptor),
  )
  for (const destination of destinations) await destination.finish(document, manifest)
  return {
    imageId: json.digest,
    layers: delivered.map(({ blob }) => ({ digest: blob.diffId, size: blob.size })),
    manifestDigest: manifest.descriptor.digest,
    outcomes: destinations.map((_, i) => sumUp(delivered, i)),
  }
}

interface Delivered {
  blob: Blob
  descriptor: Descriptor
  outcomes: Outcome[]
}

async function deliverLayer(
  layer: ContentLayer,
  destinations: readonly BlobDestination[],
  previous: ReadonlyMap<string, Blob>,
  build: BlobBuild,
): Promise<Delivered> {
  const { cache, compression } = build
  const key = await layer.key()
  const name = key === undefined ? undefined : blobName(key, compression)
  const known = name === undefined ? undefined : (previous.get(name) ?? (await cache?.find(name)))
  if (known !== undefined) {
    const descriptor = describe(known, key, compression)
    const outcomes = await Promise.all(destinations.map((destination) => bringAlong(destination, descriptor)))
    if (outcomes.every((outcome) => outcome !== undefined)) return { blob: known, descriptor, outcomes }
  }
  const file = build.makeFile()
  try {
    const blob = await produceBlob(layer, compression, file, 0, build.pool)
    const { diffId } = await layer.plan()
    if (diffId !== undefined && diffId !== blob.diffId) throw untrue(layer, diffId, blob.diffId)
    if (known !== undefined && known.diffId !== blob.diffId) {
      await cache?.drop(name!)
      throw staleEntry(nameOf(layer.source), `SHA-256 ${known.diffId}`, blob.diffId)
    }
    const descriptor = describe(blob, key, compression)
    const put = async (destination: BlobDestination): Promise<Outcome> => {
      const outcome = await bringAlong(destination, descriptor)
      if (outcome !== undefined) return outcome
      await destination.put(descriptor, file)
      return 'uploaded'
    }
    const outcomes = await Promise.all(destinations.map(put))
    if (name !== undefined) await cache?.remember(name, blob)
    return { blob, descriptor, outcomes }
  } finally {
    rmSync(file, { force: true })
  }
}

function sumUp(delivered: readonly Delivered[], destination: number): BlobImageResult['outcomes'][number] {
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

/** Clients of blobs refuse a layer that is not what its diff ID says. */
function untrue(layer: ContentLayer, expected: string, found: string): ImageError {
  return new ImageError(
    'BASE_INVALID',
    `${nameOf(layer.source)}: expected SHA-256 ${expected}, found ${found}`,
  )
}

/** Has the blob there without sending it; undefined when that cannot be. */
async function bringAlong(destination: BlobDestination, blob: Descriptor): Promise<Outcome | undefined> {
  if (await destination.has(blob)) return 'skipped'
  return (await destination.mount(blob)) ? 'mounted' : undefined
}

function describe(blob: Blob, key: LayerKey | undefined, compression: BlobCompression): Descriptor {
  const descriptor = {
    mediaType: layerType(compression.kind),
    digest: `sha256:${blob.digest}`,
    size: blob.blobSize,
  }
  if (!key?.portable) return descriptor
  const annotations = {
    [KEY]: blobName(key, compression),
    [DIFF_ID]: blob.diffId,
    [SIZE]: String(blob.size),
  }
  return { ...descriptor, annotations }
}

/** Blobs of the images that are there already, by the names that their descriptors carry. */
async function previousBlobs(destinations: readonly BlobDestination[]): Promise<ReadonlyMap<string, Blob>> {
  const layers = await Promise.all(destinations.map((destination) => destination.previousLayers()))
  const blobs = new Map<string, Blob>()
  for (const { digest, size, annotations = {} } of layers.flat()) {
    const { [KEY]: name, [DIFF_ID]: diffId, [SIZE]: plainSize } = annotations
    if (name === undefined || !/^[0-9a-f]{64}$/.test(diffId ?? '') || !/^\d{1,15}$/.test(plainSize ?? ''))
      continue
    blobs.set(name, {
      diffId: diffId!,
      size: Number(plainSize),
      digest: digest.replace(/^sha256:/, ''),
      blobSize: size,
    })
  }
  return blobs
}
