/** What writers are given, and what they tell. */
import type { LayerMemory } from '../cache/layer-memory.js'
import type { Annotations } from '../documents/oci-manifest.js'
import type { BlobStore } from '../model/blob-store.js'
import type { BlobCompression } from '../model/compression.js'
import type { Descriptor, Document } from '../model/descriptor.js'
import type { Destination } from '../model/destination.js'
import type { Digest } from '../model/digest.js'
import type { Emit } from '../model/events.js'
import type { Image } from '../model/image.js'
import type { Workshop } from '../pool/workshop.js'
import type { Attachment, DestinationResult, LayerAt, LayerResult } from '../results.js'
import type { ChecksumPasses } from './checksum-passes.js'
import type { UnderWay } from './under-way.js'

/** One build under way, as its writers see it. */
export interface WriteContext {
  workshop: Workshop
  memory: LayerMemory
  passes: ChecksumPasses
  emit: Emit
  underWay: UnderWay
  /** All of the build's. */
  destinations: readonly Destination[]
  /** Whether every layer's bytes are hashed on their way out, and what is skipped is read. */
  verify: boolean
  /** Of manifests. */
  annotations: Annotations | undefined
  /** How blobs are made; undefined: as the destinations have it. */
  compression: BlobCompression | undefined
  /** Attaches what is asked for to an image whose manifest was put. */
  attach: Attach | undefined
  signal: AbortSignal
}

/** What became of a destination, and there of each layer, in order. */
export interface AtDestination {
  result: Omit<DestinationResult, 'name'>
  layers: readonly Omit<LayerAt, 'name'>[]
}

/** An image whose layers are known. */
export interface KnownImage {
  image: Image
  config: Document
  layers: readonly LayerResult[]
}

/**
 * @param image undefined for an index of several, which is only signed
 * @param subject the manifest as it is at the destination
 * @returns what is attached there now, seen by nobody until it is published @throws ImageError
 */
export type Attach = (
  image: KnownImage | undefined,
  subject: Descriptor,
  to: { name: string; store: BlobStore },
) => Promise<readonly Attachment[]>

/** An image that is at one or several destinations, whole, but for its name. */
export interface Finished {
  /** Digest of the image config: the image ID. */
  imageId: Digest
  layers: LayerResult[]
  /** Size in bytes of the docker-archive, where it is one. */
  bytes?: number
  outcomes: ReadonlyMap<Destination, AtDestination>
  /** Makes it appear. @throws ImageError OUTPUT_FAILED, REGISTRY_FAILED */
  publish(): Promise<void>
  /** Takes away what was not published. */
  discard(): void | Promise<void>
}
