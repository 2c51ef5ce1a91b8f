/**
 * What is remembered of layers, for every way out: recall a blob by a layer's key, remember it when what was read
 * is what the key says, and find entries that are not true.
 */
import { ImageError } from '../errors.js'
import type { BlobCompression } from '../model/compression.js'
import type { Blob, Layer, MadeBlob } from '../model/layer.js'
import type { DigestCache } from './digest-cache.js'
import { blobName } from './entry.js'
import type { KnownLayers } from './known-layers.js'
import { isProvenBy } from './layer-keys.js'

export class LayerMemory {
  /** How many layers were remembered, and how many are from now on. */
  readonly counts = { remembered: 0, new: 0 }

  private readonly files: KnownLayers[] = []

  /**
   * @param cache undefined: nothing is remembered
   * @param isLasting whether it is one that people know of; otherwise it has what this program read before
   */
  constructor(
    private readonly cache: DigestCache | undefined,
    private readonly isLasting = true,
  ) {}

  /** Whether there is a cache that remembers. */
  get isOn(): boolean {
    return this.cache !== undefined
  }

  /** Whether there is anything to recall from. */
  get canRecall(): boolean {
    return this.isOn || this.files.length > 0
  }

  /** Has layers be recalled, too, that layer files tell of. */
  know(layers: KnownLayers): void {
    this.files.push(layers)
  }

  /** The same cache beside other layer files. */
  knowing(layers: KnownLayers): LayerMemory {
    const memory = new LayerMemory(this.cache, this.isLasting)
    memory.know(layers)
    return memory
  }

  /** How many layers were recalled that layer files tell of; undefined where there are no such files. */
  get known(): number | undefined {
    if (this.files.length === 0) return undefined
    return this.files.reduce((sum, { used }) => sum + used.size, 0)
  }

  /** The layer's blob as a layer file has it, or the cache remembers it. */
  async recall(layer: Layer, compression: BlobCompression): Promise<Blob | undefined> {
    const key = this.canRecall ? await layer.key() : undefined
    if (key === undefined) return undefined
    const told = first(this.files, (file) => file.find(key, compression))
    if (told !== undefined) return told
    const known = await this.cache?.find(blobName(key, compression))
    if (known === undefined) return undefined
    this.counts.remembered++
    return known
  }

  /** The file of a layer's blob that was made before. */
  async blobFile(layer: Layer, compression: BlobCompression): Promise<string | undefined> {
    const key = this.files.length > 0 ? await layer.key() : undefined
    return key && first(this.files, (file) => file.blobFile(key, compression))
  }

  /** Remembers a blob whose bytes were compared, when what was read is what the layer's key says. */
  async remember(layer: Layer, compression: BlobCompression, blob: MadeBlob): Promise<void> {
    const key = this.cache && (await layer.key())
    if (key === undefined || !isProvenBy(key, blob.narHashes)) return
    this.counts.new++
    await this.cache!.remember(blobName(key, compression), blob)
  }

  /**
   * Drops an entry that was not true, and gives the error for it.
   * @param what the layer is called @param expected as it was remembered
   */
  async stale(
    layer: Layer,
    compression: BlobCompression,
    what: string,
    expected: string,
    found: string,
  ): Promise<ImageError> {
    const key = await layer.key()
    const untrue = key && first(this.files, (file) => file.untrue(key, what, expected, found))
    if (untrue !== undefined) return untrue
    const isGone = key !== undefined && (await this.cache?.drop(blobName(key, compression)))
    if (!this.isLasting)
      return new ImageError(
        'FILE_CHANGED',
        `${what}: expected ${expected} as it was read before, found ${found}`,
        {
          hint: 'a file of it has changed: check the store with nix-store --verify-path, then ask again',
        },
      )
    const hint = isGone ? 'the entry was dropped; ' : ''
    return new ImageError(
      'CACHE_STALE',
      `${what}: expected ${expected} as the cache remembers it, found ${found}`,
      { hint: `${hint}check the store with nix-store --verify-path, then run it again` },
    )
  }
}

/** The first answer that is one. */
function first<T, R>(items: readonly T[], ask: (item: T) => R | undefined): R | undefined {
  for (const item of items) {
    const answer = ask(item)
    if (answer !== undefined) return answer
  }
  return undefined
}
