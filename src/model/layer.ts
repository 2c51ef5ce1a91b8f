/** A layer of an image, wherever it comes from. */
import type { BlobReader } from './blob-store.js'
import type { BlobKind } from './compression.js'
import type { Descriptor } from './descriptor.js'
import type { Digest } from './digest.js'
import type { Member } from './member.js'
import type { Recipe } from './recipe.js'

export interface Layer {
  readonly source: LayerSource
  /** Its name in caches; undefined when equal keys would not mean equal bytes. */
  key(): Promise<LayerKey | undefined>
  /** Plans the layer when it is asked for the first time: nothing is read but what a plan takes. */
  plan(): Promise<Plan>
  /** What its archive is made from, the size of which may not be known: a blob is fetched, and not unpacked. */
  recipe(): Promise<Recipe>
  /**
   * The checksum pass, once: reads the layer, whatever its diff ID is said to be, unless that was found by reading.
   * @param nar whether NAR hashes are wanted, which decide whether the digest may be remembered
   * @param keeps whether the layer is to be streamed, once: contents that fit into memory need not be read for that. Who asks
   *   first decides
   */
  checksum(nar: boolean, keeps?: boolean): Promise<Summed>
  /** Where it is a blob already, which need not be unpacked to be packed again. */
  readonly stored?: StoredBlob
}

/** Where a layer comes from, in Python strings. */
export type LayerSource =
  /** Of the image that a configuration names as its base. */
  | { kind: 'base'; name: string }
  /** Of an image that is read as it is. */
  | { kind: 'image'; name: string }
  | { kind: 'store'; paths: readonly string[] }
  | { kind: 'customisation'; directory: string }

/** What is known of a layer before its archive is made. */
export interface Plan {
  recipe: Recipe
  /** Bytes of its archive. */
  size: number
  /** Where it is known before a byte is read. */
  diffId: Digest | undefined
  /** Whether the diff ID is somebody's claim, a base's: who reads the layer compares. */
  claimed: boolean
  /** Whether a file changed so shortly before that a further change may not show in its times. */
  fresh: boolean
  /** Its member in a docker-archive, where that is not the usual one; an empty name stands for the usual one. */
  member?: Member
}

/** A plan with its diff ID: what the checksum pass gives. */
export interface Summed extends Plan {
  diffId: Digest
  /** Of each store path, where it was asked for: the NAR hash of what was read, undefined where it has none. */
  narHashes?: readonly (string | undefined)[] | undefined
  kept?: KeptContents | undefined
}

/** What a layer's checksum pass has left in memory of the contents of small files: for whoever takes it first, once. */
export interface KeptContents {
  /** Chunks of shared memory, the taker's until given back. */
  take(): readonly Uint8Array[]
  giveBack(memory: readonly Uint8Array[]): void
}

/** A name for everything that decides a layer's bytes. */
export interface LayerKey {
  text: string
  /** Whether it is the same on every machine. */
  portable: boolean
  /** What was read must have these NAR hashes for the key to be its. */
  narHashes?: readonly string[]
  /** The key is this diff ID, which what was read must have. */
  diffId?: Digest
}

export interface StoredBlob {
  store: BlobReader
  descriptor: Descriptor
  diffId: Digest
  /** How the archive is compressed; undefined when that is unknown. */
  kind: BlobKind | undefined
}

/** A layer's blob: digests and sizes in bytes of the archive, and of what it was compressed to. */
export interface Blob {
  diffId: Digest
  size: number
  digest: Digest
  blobSize: number
}

/** A blob that was made, with the NAR hashes of what was read where they were asked for. */
export interface MadeBlob extends Blob {
  narHashes?: readonly (string | undefined)[] | undefined
}
