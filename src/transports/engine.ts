/** What the transports of engines have in common: `SCHEME:[NAME[:TAG]]`. */
import { ImageError } from '../errors.js'
import type { Destination } from '../model/destination.js'
import type { Engine } from '../model/engine.js'
import type { Image } from '../model/image.js'
import { parseReference } from '../registry/reference.js'
import type { Place, Transport, TransportContext } from './transport.js'

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

  async source(): Promise<Image> {
    throw new ImageError('DESTINATION_INVALID', `${this.name}: images are only taken there, not read from`, {
      hint: 'docker save or podman save writes an archive that is read',
    })
  }
}
