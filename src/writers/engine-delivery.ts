/** An image on its way to one engine, by the way that is fastest for it. */
import { randomBytes } from 'node:crypto'
import { checkAborted, ImageError } from '../errors.js'
import type { Served } from '../model/destination.js'
import type { Digest } from '../model/digest.js'
import type { Image } from '../model/image.js'
import type { Amount } from '../results.js'
import type { OfferedImage } from './offered-image.js'
import { OneImageServer } from './one-image-server.js'
import { writeUpperLayers } from './upper-layers.js'
import type { AtDestination, WriteContext } from './written.js'

/**
 * Bytes that an archive is the faster way for. Of each layer that it has, Docker writes and syncs two files when it
 * pulls, and none when it loads (2 new layers on 99: 2.2 s in place of 2.8 s on a busy machine); but it unpacks an archive
 * only when all of it is there.
 */
const LITTLE = 64 << 20

/** An image that an engine has, but for its name. */
export interface Taken {
  destination: Served
  /** What it is called until it is published; undefined for an image that was there. */
  reference: string | undefined
  names: readonly string[]
  taken: Amount
  present: Amount
  layers: AtDestination['layers']
}

/** An image on its way to one engine. */
export class EngineDelivery {
  constructor(
    private readonly image: Image,
    private readonly offered: OfferedImage,
    private readonly destination: Served,
    private readonly names: readonly string[],
    private readonly context: WriteContext,
  ) {}

  private get diffIds(): Digest[] {
    return this.offered.layers.map(({ diffId }) => diffId)
  }

  async run(): Promise<Taken> {
    const { archives, images } = this.destination.engine
    if (await images?.has(this.offered.imageId)) return this.nothing()
    const pulled = archives?.isElsewhere ? undefined : ((await this.sendLittle()) ?? (await this.pull()))
    return pulled ?? this.sendAll()
  }

  /** The engine has it. */
  nothing(): Taken {
    return this.taken(undefined, () => false)
  }

  /** @returns undefined when an archive is not the faster way, or the engine does not take it */
  private async sendLittle(): Promise<Taken | undefined> {
    const { offered, destination, names, context } = this
    const { archives } = destination.engine
    if (archives === undefined) return undefined
    const without = await archives.present(this.diffIds, names[0])
    const bytes = offered.layers.slice(without).reduce((sum, { descriptor }) => sum + descriptor.size, 0)
    if (without === 0 || bytes > LITTLE) return undefined
    try {
      return await this.send(without)
    } catch (error) {
      checkAborted(context.signal)
      if (!(error instanceof ImageError && error.code === 'ENGINE_FAILED')) throw error
      return undefined
    }
  }

  /** @returns undefined when the engine found no way to this machine, and takes archives */
  private async pull(): Promise<Taken | undefined> {
    const { offered, destination, names, context } = this
    const { engine } = destination
    const tag = names[0]!.slice(names[0]!.lastIndexOf(':') + 1)
    const server = new OneImageServer(offered, tag, ({ digest }) => this.tell('layer-taken', digest))
    const reference = await server.listen()
    try {
      const signal = AbortSignal.any([context.signal, server.failed])
      const unpacked = (id: string): void => this.tell('layer-unpacked', `sha256:${id}`)
      const isLast = context.destinations.length === 1
      await engine.pull({ reference, names, isLast, unpacked, signal })
      return this.taken(reference, (i) => server.sent.has(offered.layers[i]!.descriptor.digest))
    } catch (error) {
      if (server.failure !== undefined) throw server.failure
      // Whoever could not connect says where to.
      const isUnreachable = !server.wasAsked && (error as Error).message.includes(reference.split('/')[0]!)
      if (engine.archives === undefined || !isUnreachable || context.signal.aborted) throw error
      return undefined
    } finally {
      server.destroy()
    }
  }

  private async sendAll(): Promise<Taken> {
    const { destination, context, diffIds } = this
    const { name, engine } = destination
    const archives = engine.archives!
    const without = (await archives.present(diffIds, this.names[0])) || (await archives.present(diffIds))
    const layers = without === 0 ? 'all layers' : `all but ${without} layers, which it has,`
    const message = `${name}: this machine cannot be reached from there: ${layers} are sent in an archive`
    context.emit({ type: 'warning', message })
    return this.send(without)
  }

  private async send(without: number): Promise<Taken> {
    const { image, offered, destination } = this
    const reference = `localhost/${randomBytes(16).toString('hex')}:latest`
    const output = await destination.engine.archives!.open()
    await writeUpperLayers({ image, offered, reference, without }, output, (digest) =>
      this.tell('layer-taken', digest),
    )
    return this.taken(reference, (i) => i >= without)
  }

  private taken(reference: string | undefined, isTaken: (i: number) => boolean): Taken {
    const { destination, names } = this
    const taken = { layers: 0, bytes: 0 }
    const present = { layers: 0, bytes: 0 }
    const layers = this.offered.layers.map(({ descriptor: { digest, size } }, i) => {
      const outcome = isTaken(i) ? 'taken' : 'present'
      const sum = { taken, present }[outcome]
      sum.layers++
      sum.bytes += size
      return { outcome, digest, size } as const
    })
    return { destination, reference, names, taken, present, layers }
  }

  /** @param digest of a blob, or its beginning */
  private tell(type: 'layer-taken' | 'layer-unpacked', digest: string): void {
    const { offered, image, destination, context } = this
    const i = offered.layers.findIndex(({ descriptor }) => descriptor.digest.startsWith(digest))
    const layer = offered.layers[i]
    if (layer === undefined) return
    const { size, digest: whole } = layer.descriptor
    const { source } = image.layers[i]!
    context.emit({ type, destination: destination.name, number: i + 1, source, digest: whole, size })
  }
}
