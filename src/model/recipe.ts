/** Plain data from which any thread makes a layer's archive, the same bytes each time. */
import type { Compression } from './compression.js'
import type { Owner } from './owner.js'

export type Recipe = StoreRecipe | FileRange

/** The members that a walk found below store paths. */
export interface StoreRecipe {
  kind: 'store'
  plan: Uint8Array
  owner: Owner
}

/** A part of a file: a layer of a base image, the customisation layer, a blob. */
export interface FileRange {
  kind: 'range'
  path: string
  /** What the file was like when it was looked at. */
  fingerprint: Fingerprint
  /** How the whole file is compressed; the range is one of its plain bytes. */
  compression: Compression
  range: Range
}

/** Bytes of a plain file. */
export interface Range {
  offset: number
  /** {@link TO_THE_END} where nobody knows how many there are. */
  size: number
}

/** The size of a range that ends where its file does. */
export const TO_THE_END = Number.POSITIVE_INFINITY

/** What tells that a file is still the one that was looked at. */
export interface Fingerprint {
  /** Bytes. */
  size: number
  inode: number
  mtimeMs: number
  ctimeMs: number
}
