/** What the transports of engines have in common: `SCHEME:[NAME[:TAG]]`. */
import { ImageError } from '../errors.js'
import type { Destination } from '../model/destination.js'
import type { Engine } from '../model/engine.js'
import type { Image } from '../model/image.js'
import { parseReference } from '../registry/reference.js'
import type { Holder, Place, Transport, TransportContext } from './transport.js'

/** @param shown what it is called in messages @throws ImageError ENGINE_FAILED when there is none */
type OpenEngine = (shown: string, signal: AbortSignal) => Promise<Engine>

export function engineTransport(scheme: string, open: OpenEngine): Transport {
  return {
    scheme,
    syntax: `${scheme}:[NAME[:TAG]]`,
    parse(address, name) {
      const reference = address === '' ? undefined : parseReference(address)
      const isName = reference?.tag !== undefined && reference.digest === undefined
      if (address !== '' && !isName) return `"${name}": "${address}" is no name of an image`
      return new AtEngine(name, address === '' ? undefined : address, scheme, open)
    },
  }
}

class AtEngine implements Place {
  // Its layers are asked for by diff ID, which keys tell only where a cache knows them.
  readonly takesBlobs = false

  constructor(
    readonly name: string,
    private readonly wanted: string | undefined,
    private readonly scheme: string,
    private readonly open: OpenEngine,
  ) {}

  async destination({ signal }: TransportContext): Promise<Destination> {
    const engine = await this.open(this.scheme, signal)
    return { shape: 'served', name: this.name, engine, wanted: this.wanted }
  }

  async source(context: TransportContext): Promise<Image> {
    const held = await this.holder(context)
    if ('archive' in held) {
      const { openDockerArchive } = await import('../sources/docker-archive.js')
      return openDockerArchive(this.name, held.archive, context)
    }
    const { openStoredImage } = await import('../sources/blob-store.js')
    return openStoredImage(held.store, undefined, [this.wanted!], context.workshop, context.signal)
  }

  /** A copy of the image that the engine writes: what it has in place is no archive. */
  async holder({ workshop, signal, onEnd }: TransportContext): Promise<Holder> {
    const { name, wanted } = this
    if (wanted === undefined)
      throw new ImageError('DESTINATION_INVALID', `${name}: expected the name of an image, found none`, {
        hint: `${name}NAME[:TAG]`,
      })
    const engine = await this.open(name, signal)
    await engine.ready
    const path = workshop.makeFile()
    const kind = await engine.save(/:[^/]*$/.test(wanted) ? wanted : `${wanted}:latest`, path)
    if (kind === 'docker-archive') return { archive: path }
    const { OciArchive } = await import('../blob-stores/oci-archive.js')
    const store = await OciArchive.read(name, path, signal)
    onEnd(() => store.close())
    return { store, reference: undefined }
  }
}
