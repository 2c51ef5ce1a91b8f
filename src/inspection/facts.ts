/** What can be said of an image: plain data, for tables, JSON and pages. Sizes are in bytes, digests as everywhere. */
import type { Platform } from '../documents/oci-index.js'
import type { Digest } from '../model/digest.js'
import type { LayerSource } from '../model/layer.js'

export interface ImageFacts {
  /** As it was asked for, without secrets. */
  image: string
  /** `NAME:TAG` each. */
  names: readonly string[]
  platform: Platform
  /** Digest of the image config. */
  imageId: Digest
  /** Where it has one. */
  manifest?: BlobFacts
  /** ISO 8601, as the image config has it. */
  created?: string
  /** The directory of its store paths. */
  storeDir: string
  /** What containers are run with: the `config` of the image config, as it is. */
  config: unknown
  /** Of the image config, from the lowest layer on. */
  history: readonly HistoryEntry[]
  /** From the lowest on. */
  layers: readonly LayerFacts[]
  totals: Totals
  /** Larger files whose contents are in several layers that were read, those that take most first; where looked at in detail. */
  repeatedFiles?: readonly RepeatedFile[]
  /** What each of the other images has of it, in their order. */
  shared?: readonly SharedFacts[]
}

/** A blob of the image's, as its descriptor has it (OCI image specification 1.1, "Content Descriptors"). */
export interface BlobFacts {
  mediaType: string
  digest: Digest
  size: number
}

export interface LayerFacts {
  /** From 1, the lowest. */
  number: number
  diffId: Digest
  source: LayerSource
  /** Of its archive; undefined where only reading it would tell. */
  size?: number
  /** Where it is one, or is remembered as one: of a configuration's layer, as registries get it by default. */
  blob?: BlobFacts
  /** In the order of its archive. */
  storePaths: readonly PathFacts[]
  /** What else is in it, by the directory of the root: `/etc`; `/` is the root with the directories above store paths. */
  others: readonly PathFacts[]
  /** What made it, as the image's history says. */
  history?: HistoryEntry
  /** Why its archive is read no further, where something in it is no member. */
  problem?: string
}

export interface PathFacts {
  path: string
  /** Of the archive: files, directories, links; undefined where the layer was not read. */
  members?: number
  /** Of its files' contents. */
  bytes?: number
  /** Of its members and their contents; where the image is looked at in detail and the layer was read. */
  digest?: Digest
  /** The largest below it, each behind those above it; where the image is looked at in detail. */
  directories?: readonly DirectoryFacts[]
}

/** A directory, with all that is below it. */
export interface DirectoryFacts {
  /** Below the path: `share/locale`. */
  path: string
  members: number
  bytes: number
}

/** Contents that are in the image more than once. */
export interface RepeatedFile {
  digest: Digest
  size: number
  /** How often. */
  count: number
  /** Where: the first of them, by layer. */
  places: readonly { layer: number; path: string }[]
}

/** OCI image specification 1.1, "Image Configuration", `history`. */
export interface HistoryEntry {
  created?: string
  createdBy?: string
  comment?: string
  author?: string
  /** Whether it made no layer. */
  isEmpty?: boolean
}

/** Sums of layers; undefined where a layer's share is not known. */
export interface Totals {
  layers: number
  /** Of the layers' archives. */
  size?: number
  /** Of their blobs. */
  blobSize?: number
  /** Different ones. */
  storePaths: number
  members?: number
  bytes?: number
}

/** What an image has in common with another one. */
export interface SharedFacts {
  /** The other, as it was asked for, without secrets. */
  image: string
  imageId: Digest
  /** How many layers the other has. */
  of: number
  /** Layers of this image that the other has, too: by diff ID. */
  layers: number
  /** Which those are. */
  numbers: readonly number[]
  /** Of those, as in {@link Totals}. */
  size?: number
  blobSize?: number
}
