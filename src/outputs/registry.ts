/** An image into a registry's repository, under a tag. */

import { ImageError } from '../errors.js'
import type { Descriptor, Document } from '../image/descriptor.js'
import { layersOfManifest } from '../image/oci-manifest.js'
import { type ClientOptions, RegistryClient } from '../registry/client.js'
import { type OtherImage, parseOtherImage, type RegistryReference } from '../registry/reference.js'
import type { BlobDestination } from './blob-destination.js'

export class RegistryDestination implements BlobDestination {
  private readonly client: RegistryClient
  private readonly previous: OtherImage

  /**
   * @param previous an image in the same registry, by tag or digest when it is in the same repository; default: the
   *   one that is replaced. Blobs of another repository are mounted.
   * @throws ImageError DESTINATION_INVALID when it names something else
   */
  constructor(
    readonly name: string,
    reference: RegistryReference,
    options: ClientOptions,
    previous = reference.tag,
  ) {
    const found = parseOtherImage(previous, reference)
    if (found === undefined) throw invalidPrevious(previous, reference)
    this.previous = found
    const mountFrom =
      options.mountFrom ?? (found.repository === reference.repository ? undefined : found.repository)
    this.client = new RegistryClient(reference, { ...options, mountFrom })
  }

  has(blob: Descriptor): Promise<boolean> {
    return this.client.has(blob)
  }

  mount(blob: Descriptor): Promise<boolean> {
    return this.client.mount(blob)
  }

  put(blob: Descriptor, file: string): Promise<void> {
    return this.client.put(blob, file)
  }

  async previousLayers(): Promise<readonly Descriptor[]> {
    return layersOfManifest(await this.client.manifest(this.previous))
  }

  async finish(config: Document, manifest: Document): Promise<void> {
    if (!(await this.client.has(config.descriptor))) await this.client.put(config.descriptor, config.bytes)
    await this.client.putManifest(manifest.bytes, manifest.descriptor.digest)
  }

  close(): Promise<void> {
    return this.client.close()
  }
}

function invalidPrevious(text: string, { host }: RegistryReference): ImageError {
  return new ImageError(
    'DESTINATION_INVALID',
    `previous image "${text}": expected a tag, a digest, or docker://${host}/REPOSITORY[:TAG], found none of them`,
  )
}
