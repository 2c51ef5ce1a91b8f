/** Digests of store layers that are streamed, remembered so that the checksum pass is skipped. */
import { staleEntry } from '../errors.js'
import type { LayerChecksum } from '../layers/checksum.js'
import type { PlannedLayer } from '../layers/content.js'
import type { Owner } from '../layers/layer-headers.js'
import { blobName, type DigestCache } from './digest-cache.js'
import { type LayerKey, narKey, planKey } from './layer-keys.js'
import type { NarHashes } from './nar-hashes.js'

/** A layer's checksum, computed or remembered. */
export interface KnownLayer extends LayerChecksum {
  remembered: boolean
}

/** The two ways to look at a layer: walking it, and reading it all. */
export interface LayerTasks {
  plan(): Promise<PlannedLayer>
  /** @param planned saves another walk */
  checksum(planned: PlannedLayer | undefined): Promise<LayerChecksum>
}

const PLAIN = { kind: 'none', level: 0 } as const

export class LayerMemory {
  /** Names of the layers that were remembered, by their lists of paths. */
  private readonly recalled = new Map<readonly string[], string>()

  /** @param hashes NAR hashes of all store paths; undefined when they are not in a Nix store */
  constructor(
    private readonly cache: DigestCache,
    private readonly hashes: NarHashes,
  ) {}

  /**
   * @param layer what it is, for messages
   * @throws ImageError CACHE_STALE when the remembered size is not the layer's
   */
  async recall(
    paths: readonly string[],
    owner: Owner,
    layer: string,
    tasks: LayerTasks,
  ): Promise<KnownLayer> {
    const hashes = await this.hashes
    let planned = hashes === undefined ? await tasks.plan() : undefined
    const key = hashes === undefined ? keyOf(planned!, owner) : narKey(paths, hashes, owner)
    const name = key === undefined ? undefined : blobName(key, PLAIN)
    const known = name === undefined ? undefined : await this.cache.find(name)
    if (known !== undefined) {
      this.recalled.set(paths, name!)
      planned ??= await tasks.plan()
      const { plan, size } = planned
      if (known.size === size) return { digest: known.diffId, size, plan, fresh: false, remembered: true }
      await this.forget(paths)
      throw staleEntry(layer, `an archive of ${known.size} bytes`, `${size}`)
    }
    const computed = await tasks.checksum(planned)
    const { digest, size } = computed
    if (name !== undefined) await this.cache.remember(name, { diffId: digest, size, digest, blobSize: size })
    return { ...computed, remembered: false }
  }

  /** Drops what was recalled for the paths, since it was not true. */
  async forget(paths: readonly string[]): Promise<void> {
    const name = this.recalled.get(paths)
    if (name !== undefined) await this.cache.drop(name)
  }
}

/** Of fresh files equal plans do not mean equal contents. */
function keyOf({ plan, fresh }: PlannedLayer, owner: Owner): LayerKey | undefined {
  return fresh ? undefined : planKey(plan, owner)
}
