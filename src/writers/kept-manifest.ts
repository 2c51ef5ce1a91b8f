import { isDeepStrictEqual } from 'node:util'
import { MANIFEST_TYPE, parseManifest } from '../documents/oci-manifest.js'
import type { Document } from '../model/descriptor.js'
import type { Image } from '../model/image.js'
import { copied, copiedDescriptor } from './blob-choices.js'
import type { WriteContext } from './written.js'

/**
 * The image's own manifest, where a new one would say the same: what is about it names its digest. It is known before any
 * layer is read.
 */
export function keptManifest(
  { stored, layers }: Image,
  { annotations = {}, compression }: Pick<WriteContext, 'annotations' | 'compression'>,
): Document | undefined {
  if (stored === undefined || Object.keys(annotations).length > 0) return undefined
  const blobs = layers.map((layer) => copied(layer, compression))
  const isKept = isDeepStrictEqual(
    [stored.manifest.descriptor.mediaType, parseManifest(stored.manifest, stored.store.name).layers],
    [MANIFEST_TYPE, blobs.map((blob) => blob && copiedDescriptor(blob))],
  )
  return isKept ? stored.manifest : undefined
}
