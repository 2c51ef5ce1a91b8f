/** What a server gives: an image whose blobs can be had one by one, from any byte on. */
import type { Descriptor, Document } from '../model/descriptor.js'
import type { Digest } from '../model/digest.js'

/** A blob, whole or from any byte on. */
export interface ServedBlob {
  descriptor: Descriptor
  /**
   * Bytes from `start` up to `end`; a piece is valid only until the next is asked for.
   * @throws ImageError when they are no longer what the digest says, before the last piece
   */
  bytes(start: number, end: number): AsyncIterable<Uint8Array>
}

/** A page that shows an image, with the policy for its scripts and styles. */
export interface ExplorerPage {
  html: string
  policy: string
}

export interface ServedImage {
  manifest: Document
  /** What the manifest names, by digest. */
  blobs: ReadonlyMap<Digest, ServedBlob>
  /** Makes the page that shows it, for a server that has pages. @throws ImageError */
  explorer?: () => Promise<ExplorerPage>
}
