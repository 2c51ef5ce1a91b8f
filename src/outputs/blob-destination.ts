/** What takes an image as blobs and a manifest (OCI image specification), in any order but for the manifest. */

import type { Descriptor, Document } from '../image/descriptor.js'

export interface BlobDestination {
  /** As it was named. */
  readonly name: string
  has(blob: Descriptor): Promise<boolean>
  /** Takes the blob from where the destination has it already, under another name; false when it cannot. */
  mount(blob: Descriptor): Promise<boolean>
  /** @param file holds just the blob; it stays the caller's */
  put(blob: Descriptor, file: string): Promise<void>
  /** The layers of the image that was there before, for those that may still be the same. */
  previousLayers(): Promise<readonly Descriptor[]>
  /** All layers are there: the config, then the manifest, with which the image appears. */
  finish(config: Document, manifest: Document): Promise<void>
  /** Lets go of everything; without `finish` the destination is as before, but for blobs. */
  close(): Promise<void>
}
