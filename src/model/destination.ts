/** The shapes in which destinations take an image. */
import type { BlobStore } from './blob-store.js'
import type { BlobKind } from './compression.js'
import type { Descriptor } from './descriptor.js'
import type { Engine } from './engine.js'
import type { ByteOutput } from './output.js'

export type Destination = InOrder | AtOffsets | ByDigest | Served

/** A pipe or device: the bytes of a docker-archive from first to last. */
export interface InOrder {
  shape: 'in-order'
  /** As it was named; undefined for the caller's own output. */
  name: string | undefined
  output: ByteOutput
}

/** A file: a docker-archive whose parts are written when they are ready. */
export interface AtOffsets {
  shape: 'at-offsets'
  name: string
  path: string
}

/** A blob store: blobs and manifests in any order. */
export interface ByDigest {
  shape: 'by-digest'
  name: string
  store: BlobStore
  /** What the image is to be called there; without any it is there by digest. */
  tags: readonly string[]
  /** How layers are compressed when nothing is asked for. */
  compression: BlobKind
  /** Images that may have the same layers, of the same repository or one that its blobs are mounted from. */
  previous(): Promise<readonly PreviousImage[]>
  /** Whether layers go far, so that one is told when there is no such image. */
  isRemote: boolean
}

/** An image that is at a destination already. */
export interface PreviousImage {
  name: string
  layers: readonly Descriptor[]
}

/** An engine: it asks for what it lacks, and is served that. */
export interface Served {
  shape: 'served'
  name: string
  engine: Engine
  /** What the image is to be called there, in full; undefined: as it calls itself. */
  wanted: string | undefined
}

export type Write = ByteOutput['write']
