/** The checksum passes of an image's layers: what each is called and how large it is, before its bytes are written. */
import type { LayerMemory } from '../cache/layer-memory.js'
import { nameOf, untrueLayer } from '../documents/layer-names.js'
import { handled, type ImageError } from '../errors.js'
import { PLAIN } from '../model/compression.js'
import type { Digest } from '../model/digest.js'
import type { Emit } from '../model/events.js'
import type { Layer, Summed } from '../model/layer.js'

/** A layer whose name and size are known, and from whom. */
interface Named {
  diffId: Digest
  size: number
  /** Whether the digest is the cache's, which what is read is compared with. */
  remembered: boolean
  /** Whether the cache takes the digest when the layer's bytes were compared with it once more. */
  isUnproven: boolean
}

/** With what it is made from. */
export interface Passed extends Summed, Named {
  diffId: Digest
  size: number
}

/** What it is made from can be had. */
interface Recalled extends Named {
  plan(): Promise<Passed>
}

export class ChecksumPasses {
  private readonly passes = new Map<Layer, Promise<Passed>>()

  constructor(
    private readonly memory: LayerMemory,
    private readonly emit: Emit,
  ) {}

  /**
   * The layer's pass; it starts when it is first asked for.
   * @param keeps as {@link Layer.checksum}
   * @throws ImageError of the layer, CACHE_STALE
   */
  of(layer: Layer, keeps = false): Promise<Passed> {
    let pass = this.passes.get(layer)
    if (pass === undefined) {
      pass = handled(this.run(layer, keeps))
      this.passes.set(layer, pass)
    }
    return pass
  }

  private async run(layer: Layer, keeps: boolean): Promise<Passed> {
    // With nothing to recall from all passes are queued at once, in the image's order.
    const recalled = this.memory.canRecall ? await this.recall(layer) : undefined
    const passed = await (recalled === undefined ? this.pass(layer, keeps) : recalled.plan())
    const { diffId: digest, size } = passed
    this.emit({ type: 'layer-checksummed', source: layer.source, digest, size })
    return passed
  }

  /** A layer whose diff ID is claimed is read when it is streamed, and compared then. */
  private async pass(layer: Layer, keeps: boolean): Promise<Passed> {
    const { memory } = this
    const plan = layer.source.kind === 'store' ? undefined : await layer.plan()
    if (plan?.diffId !== undefined)
      return { ...plan, diffId: plan.diffId, remembered: false, isUnproven: false }
    const key = memory.isOn && plan === undefined ? await layer.key() : undefined
    const isUnproven = key !== undefined && key.narHashes === undefined
    // What proves it is that its files are read once more.
    const summed = await layer.checksum(key?.narHashes !== undefined, keeps && !isUnproven)
    // The store's own hashes prove it; of other files only their times speak.
    if (key?.narHashes !== undefined)
      await memory.remember(layer, PLAIN, { ...summed, digest: summed.diffId, blobSize: summed.size })
    return { ...summed, remembered: false, isUnproven }
  }

  /** Reads a layer and compares it with its plan. @throws ImageError BASE_INVALID, IMAGE_INVALID */
  async compare(layer: Layer): Promise<Summed> {
    const [{ diffId }, found] = await Promise.all([layer.plan(), layer.checksum(false)])
    if (diffId !== undefined && found.diffId !== diffId) throw untrueLayer(layer.source, diffId, found.diffId)
    return found
  }

  /** A layer of store paths that the cache knows; it is planned when somebody wants its bytes. */
  async recall(layer: Layer): Promise<Recalled | undefined> {
    if (layer.source.kind !== 'store') return undefined
    const known = await this.memory.recall(layer, PLAIN)
    if (known === undefined) return undefined
    const { diffId, size } = known
    const recalled = { diffId, size, remembered: true, isUnproven: false }
    const plan = async (): Promise<Passed> => {
      const planned = await layer.plan()
      if (planned.size !== size)
        throw await this.stale(layer, `an archive of ${size} bytes`, `${planned.size}`)
      return { ...planned, ...recalled, claimed: true }
    }
    return { ...recalled, plan }
  }

  /**
   * Compares the digest of what was read with the one that names the layer; one that nobody has proven is remembered then.
   * @throws ImageError CACHE_STALE, BASE_INVALID, IMAGE_INVALID, FILE_CHANGED
   */
  async prove(layer: Layer, passed: Named, found: Digest): Promise<void> {
    const { diffId, size, remembered, isUnproven } = passed
    if (found !== diffId)
      throw remembered ? await this.stale(layer, diffId, found) : untrueLayer(layer.source, diffId, found)
    if (isUnproven) await this.memory.remember(layer, PLAIN, { diffId, size, digest: diffId, blobSize: size })
  }

  private stale(layer: Layer, expected: string, found: string): Promise<ImageError> {
    return this.memory.stale(layer, PLAIN, nameOf(layer.source), expected, found)
  }
}
