/** An image into a registry's repository, under a tag. */
import type { Descriptor, Document } from '../image/descriptor.js'
import { layersOfManifest } from '../image/oci-manifest.js'
import { type ClientOptions, RegistryClient } from '../registry/client.js'
import type { RegistryReference } from '../registry/reference.js'
import type { BlobDestination } from './blob-destination.js'

export class RegistryDestination implements BlobDestination {
  private readonly client: RegistryClient

  /** @param previous the tag or digest of an image in the same repository; default: the one that is replaced */
  constructor(
    readonly name: string,
    reference: RegistryReference,
    options: ClientOptions,
    private readonly previous: string | undefined,
  ) {
    this.client = new RegistryClient(reference, options)
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
