/** What every source gives and every destination takes. */

import type { BlobReader } from './blob-store.js'
import type { Document } from './descriptor.js'
import type { Digest } from './digest.js'
import type { Layer } from './layer.js'

/**
 * The most that is read of an image. Docker mounts 127 layers, Linux 500; real images have tens. It is a bound on what
 * one line of an image can make of memory and messages, far from all that can be run.
 */
export const MAX_LAYERS = 10_000

export interface Image {
  readonly layers: readonly Layer[]
  /** `NAME:TAG`, as docker-archives list them. */
  readonly names: readonly string[]
  /** Of the members of its docker-archive, in whole seconds since the epoch. */
  readonly mtime: number
  /** Where it is in a blob store already. */
  readonly stored?: { store: BlobReader; manifest: Document }
  /** The digest of the configuration that it is built from. */
  readonly configuration?: Digest
  /** The image config, whose digest is the image ID. @param diffIds of all layers, in order */
  config(diffIds: readonly Digest[]): Document
}
