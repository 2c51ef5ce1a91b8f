import { manifestsOf } from '../documents/oci-index.js'
import { parseManifest } from '../documents/oci-manifest.js'
import type { BlobReader } from '../model/blob-store.js'
import type { Descriptor } from '../model/descriptor.js'

/** The layers of an image that is there already; none when there is no such image. @throws ImageError IMAGE_INVALID */
export async function previousLayers(
  store: BlobReader,
  reference: string | undefined,
): Promise<readonly Descriptor[]> {
  const found = await store.manifest(reference)
  if (found === undefined || manifestsOf(found) !== undefined) return []
  return parseManifest(found, store.name).layers
}
