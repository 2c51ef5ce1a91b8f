/** An archive that has to be read as an image layout, whatever else it is. */

import type { LayoutReader } from '../blob-stores/layout-reader.js'
import { OciArchive } from '../blob-stores/oci-archive.js'
import { referencesOf } from '../documents/oci-index.js'
import { ImageError } from '../errors.js'
import type { BaseImage } from '../layers/base.js'
import { type Digest, digestOf } from '../model/digest.js'
import type { Image } from '../model/image.js'
import type { Workshop } from '../pool/workshop.js'
import { openStoredImage } from './blob-store.js'

/** What archives are opened with. */
export interface ArchiveContext {
  workshop: Workshop
  signal: AbortSignal
  /** Has something closed when the run is over. */
  onEnd(close: () => Promise<void>): void
}

/** The image that manifest.json lists; where there is no such list, the layout's own. @throws ImageError IMAGE_INVALID */
export async function openLayoutArchive(
  name: string,
  { file, config, names }: BaseImage,
  { workshop, signal, onEnd }: ArchiveContext,
): Promise<Image> {
  // What was compressed as a whole is there as a plain copy by now.
  const store = await OciArchive.read(name, file.path, signal)
  onEnd(() => store.close())
  const reference = config.length === 0 ? undefined : await manifestWith(digestOf(config), store)
  return openStoredImage(store, reference, names, workshop, signal)
}

/** The manifest that has a config, of all that the index leads to. @throws ImageError IMAGE_INVALID */
async function manifestWith(config: Digest, store: LayoutReader): Promise<Digest> {
  // A set gives what is added to it while it is gone through.
  const digests = new Set((await store.images()).map(({ digest }) => digest))
  for (const digest of digests) {
    const document = await store.manifest(digest)
    if (document === undefined) continue
    const { blobs, manifests } = referencesOf(document.bytes)
    if (blobs.some((blob) => blob.digest === config)) return digest
    for (const manifest of manifests) digests.add(manifest.digest)
  }
  throw new ImageError(
    'IMAGE_INVALID',
    `${store.name}: expected the image with the config ${config}, which manifest.json lists, found no manifest of it`,
  )
}
