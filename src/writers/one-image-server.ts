/** A registry of one image, for one client that was told its name. */
import { randomBytes } from 'node:crypto'
import { ImageError } from '../errors.js'
import type { Descriptor } from '../model/descriptor.js'
import type { Digest } from '../model/digest.js'
import { Catalog } from '../server/catalog.js'
import { RegistryServer } from '../server/registry-server.js'
import type { ServedImage } from '../server/served-image.js'

export class OneImageServer {
  /** Blobs that were sent to their end. */
  readonly sent = new Set<Digest>()
  /** Whether anybody has asked for something. */
  wasAsked = false
  /** Why a blob could not be given: the client is only told that it broke off. */
  failure: ImageError | undefined
  private readonly failing = new AbortController()
  private readonly server: RegistryServer
  private readonly repository: string

  /** @param tag what the image has here @param onSent told of each blob that was sent for the first time */
  constructor(
    image: ServedImage,
    private readonly tag: string,
    onSent: (blob: Descriptor) => void,
  ) {
    const secret = randomBytes(16).toString('hex')
    const repository = `${secret}/image`
    this.repository = repository
    const entry = { repository, tag, source: '', version: () => '', open: async () => image }
    this.server = new RegistryServer(new Catalog(() => [entry]), {
      ...{ host: '127.0.0.1', port: 0, prefix: `${secret}/` },
      onRequest: () => {
        this.wasAsked = true
      },
      onFailure: (error) => {
        if (error instanceof ImageError) this.failure ??= error
        this.failing.abort(error)
      },
      onBlob: (blob) => {
        if (!this.sent.has(blob.digest)) onSent(blob)
        this.sent.add(blob.digest)
      },
    })
  }

  /** Fires with {@link failure}: the client would only try again. */
  get failed(): AbortSignal {
    return this.failing.signal
  }

  /** @returns what the image is called for a client */
  async listen(): Promise<string> {
    return `${await this.server.listen()}/${this.repository}:${this.tag}`
  }

  destroy(): void {
    this.server.destroy()
  }
}
