/** What the library tells of what it has done, or would do. */
import type { Platform } from './documents/oci-index.js'
import type { Digest } from './model/digest.js'
import type { LayerSource } from './model/layer.js'

/** What was built. Sizes are in bytes. */
export interface BuildResult {
  /** Digest of the image config: the image ID. */
  imageId: Digest
  layers: LayerResult[]
  /** Size of the docker-archive, where one was written. */
  bytes?: number
  /** Of the OCI manifest, where one was written. */
  manifestDigest?: Digest
  /** One for each of the named destinations, in their order. */
  destinations?: DestinationResult[]
  /** How many layers the cache remembered, and how many it does from now on; where there is a cache. */
  cache?: { remembered: number; new: number }
}

/** What was built for several platforms. */
export interface IndexResult {
  /** Of the index. */
  manifestDigest: Digest
  /** One for each configuration, in their order. */
  images: { platform: Platform; imageId: Digest; manifestDigest: Digest; layers: LayerResult[] }[]
  destinations: DestinationResult[]
  cache?: { remembered: number; new: number }
}

export interface LayerResult {
  source: LayerSource
  diffId: Digest
  /** Of its archive; undefined for a blob that was copied as it is. */
  size: number | undefined
  /** What became of it at each of the named destinations, in their order. */
  destinations?: LayerAt[]
}

/** A layer at a destination. */
export interface LayerAt {
  name: string
  outcome: LayerOutcome
  /** Of its blob there; in a docker-archive the diff ID. */
  digest: Digest
  /** Of its blob there. */
  size: number
}

/**
 * What became of a layer: its bytes were `streamed` to a pipe, `written` to a file, `uploaded` to a blob store or `taken` by
 * an engine; a blob store had it already (`skipped`) or from another repository (`mounted`); an engine had it (`present`).
 */
export type LayerOutcome = 'streamed' | 'written' | 'uploaded' | 'mounted' | 'skipped' | 'taken' | 'present'

/** What became of a destination. */
export interface DestinationResult {
  name: string
  /** Size of the docker-archive, where it is one. */
  bytes?: number
  /** Where it takes blobs; then also how many layers, and how many bytes of them, went which way. */
  manifestDigest?: Digest
  uploaded?: Amount
  mounted?: Amount
  skipped?: Amount
  /** Where an engine takes it: how many layers it was sent, and how many it had already. */
  taken?: Amount
  present?: Amount
  /** What runs the image, for a shell. */
  command?: string
  /** What was attached to it there, where that was asked for. */
  attached?: readonly Attachment[]
}

/** A manifest that is about an image's. */
export interface Attachment {
  digest: Digest
  artifactType?: string
}

export interface Amount {
  layers: number
  /** Of their blobs. */
  bytes: number
}

/** What a delivery would come to. Sizes are in bytes, of what is known without reading it. */
export interface DryRunResult {
  dryRun: true
  /** Of all images, in order. */
  layers: ForeseenLayer[]
  /** One for each destination, in their order. */
  destinations: ForeseenDestination[]
  /** What is read, compressed and sent in all; a layer that several destinations need may be made once. */
  total: { read: Amount; compressed: Amount; sent: AmountForeseen }
}

export interface ForeseenLayer {
  source: LayerSource
  /** Of its archive; undefined for a blob that would have to be unpacked to tell. */
  size: number | undefined
  /** Whether it would be read, to send it or to find its digest. */
  isRead: boolean
  isCompressed: boolean
  destinations: ForeseenAt[]
}

/** A layer at a destination: what would become of it, and its blob as far as it is known. */
export interface ForeseenAt {
  name: string
  /** An engine takes what it lacks: that may be `undecided`. */
  outcome: 'sent' | 'mounted' | 'skipped' | 'present' | 'undecided'
  digest?: Digest
  size?: number
}

export interface ForeseenDestination {
  name: string
  sent: AmountForeseen
  mounted: AmountForeseen
  /** It has them already. */
  present: AmountForeseen
  /** It decides itself. */
  undecided: AmountForeseen
}

/** @see Amount */
export interface AmountForeseen {
  layers: number
  /** Of their blobs; absent where one of them is not known. */
  bytes?: number
}
