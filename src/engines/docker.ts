/** Docker Engine, through its API. */
import * as v from 'valibot'
import { handled, ImageError } from '../errors.js'
import { writePieces } from '../files/write-pieces.js'
import { type Digest, isDigest } from '../model/digest.js'
import type { ArchiveTaker, Engine, ImagesById, PullOffer } from '../model/engine.js'
import type { ByteOutput } from '../model/output.js'
import { WritableOutput } from '../outputs/writable-output.js'
import { DockerApi } from './docker-api.js'
import { findDockerHost } from './docker-host.js'

/** Milliseconds for taking away a name, when there is nobody left who would wait for it. */
const DISCARDING = 10_000

/** @param shown what it is called in messages @throws ImageError ENGINE_FAILED when nothing says which daemon */
export async function openDocker(shown: string, signal: AbortSignal): Promise<Engine> {
  const host = findDockerHost()
  const api = new DockerApi(host, shown)
  return new DockerEngine(api, new DockerArchives(api, host.isElsewhere, signal), signal)
}

class DockerImages implements ImagesById {
  constructor(
    private readonly api: DockerApi,
    private readonly signal: AbortSignal,
  ) {}

  /** With containerd's store an image's ID is its manifest's digest, and this finds none. */
  async has(imageId: Digest): Promise<boolean> {
    return (await this.api.find(`/images/${imageId}/json`, this.signal)) !== undefined
  }

  /** @param reference or its ID */
  async name(reference: string, name: string): Promise<void> {
    const query = new URLSearchParams(split(name, 'repo'))
    await this.api.ask('POST', `/images/${reference}/tag?${query}`, this.signal)
  }
}

class DockerEngine implements Engine {
  readonly ready: Promise<unknown>
  readonly images: DockerImages

  constructor(
    private readonly api: DockerApi,
    readonly archives: ArchiveTaker,
    private readonly signal: AbortSignal,
  ) {
    this.images = new DockerImages(api, signal)
    this.ready = handled(api.ask('GET', '/_ping', signal))
  }

  async pull({ reference, unpacked, signal }: PullOffer): Promise<void> {
    const query = new URLSearchParams(split(reference, 'fromImage'))
    await this.api.work(
      'POST',
      `/images/create?${query}`,
      ({ id, status }) => {
        if (status === 'Pull complete' && id !== undefined) unpacked(id)
      },
      signal,
    )
  }

  async publish(reference: string, names: readonly string[]): Promise<void> {
    for (const name of names) await this.images.name(reference, name)
    await this.remove(reference, this.signal)
  }

  async discard(reference: string): Promise<void> {
    await this.remove(reference, AbortSignal.timeout(DISCARDING)).catch(() => {})
  }

  async save(name: string, path: string): Promise<'docker-archive'> {
    const { signal } = this
    await writePieces(path, this.api.pieces(`/images/${name}/get`, signal), signal)
    return 'docker-archive'
  }

  runCommand(name: string): string {
    return `docker run --rm ${name.replace(/^docker\.io\/(library\/)?/, '')}`
  }

  private async remove(reference: string, signal: AbortSignal): Promise<void> {
    await this.api.ask('DELETE', `/images/${reference}`, signal)
  }
}

/** A name without its tag, and the tag, as queries have them. */
function split(reference: string, key: string): Record<string, string> {
  const at = reference.lastIndexOf(':')
  return { [key]: reference.slice(0, at), tag: reference.slice(at + 1) }
}

const INFO = v.object({ DriverStatus: v.nullish(v.array(v.array(v.string()))) })
const IMAGES = v.array(v.object({ Id: v.string() }))
const IMAGE = v.object({
  RootFS: v.object({ Layers: v.nullish(v.array(v.string())) }),
  GraphDriver: v.nullish(v.object({ Name: v.optional(v.string()) })),
})

/** Drivers of Docker's own layer store; containerd's snapshotters have other names, but for some of the rest. */
const OWN_DRIVERS = ['overlay2', 'vfs']

/** Images that are asked for their layers, the newest first; elsewhere each question may be a connection by ssh. */
const MOST_IMAGES = { here: 200, elsewhere: 20 }

/** The load API. */
class DockerArchives implements ArchiveTaker {
  constructor(
    private readonly api: DockerApi,
    readonly isElsewhere: boolean,
    private readonly signal: AbortSignal,
  ) {}

  /** Docker's own layer store knows layers by the chain below them; containerd's, which may be in its place, wants all. */
  async present(diffIds: readonly Digest[], like?: string): Promise<number> {
    const names = like === undefined ? await this.ids() : [like]
    let most = 0
    let isOwn = false
    for (const name of names) {
      const found = await this.api.find(`/images/${name}/json`, this.signal)
      if (found === undefined) continue
      const { RootFS, GraphDriver } = checked(name, IMAGE, found)
      isOwn ||= OWN_DRIVERS.includes(GraphDriver?.Name ?? '')
      const different = diffIds.findIndex((diffId, i) => RootFS.Layers?.[i] !== diffId)
      most = Math.max(most, different < 0 ? diffIds.length : different)
    }
    return most === 0 || isOwn || !(await this.isByContainerd()) ? most : 0
  }

  async open(): Promise<ByteOutput> {
    const { body, done } = this.api.send('/images/load?quiet=1', this.signal)
    return new LoadOutput(new WritableOutput(body), () => body.end(), handled(done))
  }

  private async ids(): Promise<string[]> {
    const images = checked('/images/json', IMAGES, await this.api.ask('GET', '/images/json', this.signal))
    return images
      .slice(0, this.isElsewhere ? MOST_IMAGES.elsewhere : MOST_IMAGES.here)
      .map(({ Id }) => Id)
      .filter((id) => isDigest(id))
  }

  private async isByContainerd(): Promise<boolean> {
    const { DriverStatus } = checked('/info', INFO, await this.api.ask('GET', '/info', this.signal))
    return DriverStatus?.flat().some((text) => text.startsWith('io.containerd.')) === true
  }
}

/** @throws ImageError ENGINE_FAILED for what is no answer of Docker's */
function checked<Schema extends v.GenericSchema>(
  path: string,
  schema: Schema,
  answer: unknown,
): v.InferOutput<Schema> {
  const found = v.safeParse(schema, answer)
  if (found.success) return found.output
  throw new ImageError('ENGINE_FAILED', `${path}: expected Docker's answer, found another`)
}

/** An archive on its way into the daemon: what the daemon says of it counts more than how the connection ended. */
class LoadOutput implements ByteOutput {
  readonly lost: Promise<never>

  constructor(
    private readonly body: WritableOutput,
    private readonly endBody: () => void,
    private readonly done: Promise<void>,
  ) {
    // A daemon that has answered before all was sent has failed, or wants no more.
    this.lost = handled(body.lost.catch((error) => this.why(error)))
  }

  async write(bytes: Uint8Array): Promise<void> {
    try {
      await this.body.write(bytes)
    } catch (error) {
      await this.why(error)
    }
  }

  async end(): Promise<void> {
    await this.body.end().catch((error) => this.why(error))
    this.endBody()
    await this.done
  }

  abort(error: Error): void {
    this.body.abort(error)
  }

  /** @throws the daemon's own reason, or the error */
  private async why(error: unknown): Promise<never> {
    await this.done
    throw error
  }
}
