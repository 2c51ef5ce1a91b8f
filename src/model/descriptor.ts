/** What names a blob (OCI image specification 1.1, "Content Descriptors"). */
import type { Digest } from './digest.js'

export interface Descriptor {
  mediaType: string
  digest: Digest
  /** Bytes. */
  size: number
  annotations?: Record<string, string>
  /** Of a manifest that is no image: what it is. */
  artifactType?: string
}

/** A blob that is small enough to be held: a manifest, an index, an image config. */
export interface Document {
  descriptor: Descriptor
  bytes: Buffer
}
