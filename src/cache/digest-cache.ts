/**
 * Digests of layers that were produced before, by their keys. A cache that fails is a cache without
 * entries: it is given up with one warning, and the build goes on.
 */
import * as v from 'valibot'
import { systemReason } from '../errors.js'
import type { Blob } from '../layers/blob.js'
import type { BlobCompression } from '../layers/compress.js'
import type { LayerKey } from './layer-keys.js'
import type { CacheStore } from './store.js'

const HEX = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/))
const SIZE = v.pipe(v.number(), v.safeInteger(), v.minValue(0))
const ENTRY = v.object({ diffId: HEX, size: SIZE, digest: HEX, blobSize: SIZE })

/** How a layer's blob is called: its key, and how it is compressed. */
export function blobName(key: LayerKey, { kind, level }: BlobCompression): string {
  return kind === 'none' ? `${key.text}-none` : `${key.text}-${kind}-${level}`
}

export class DigestCache {
  private failed = false

  /** @param warn takes a sentence for people */
  constructor(
    private readonly store: CacheStore,
    private readonly warn: (message: string) => void,
  ) {}

  /** What {@link blobName} stands for; undefined when that is not known. */
  async find(name: string): Promise<Blob | undefined> {
    const text = await this.attempt(() => this.store.get(name))
    if (text === undefined) return undefined
    try {
      return v.parse(ENTRY, JSON.parse(text))
    } catch {
      return undefined
    }
  }

  async remember(name: string, { diffId, size, digest, blobSize }: Blob): Promise<void> {
    await this.attempt(() => this.store.set(name, JSON.stringify({ diffId, size, digest, blobSize })))
  }

  async drop(name: string): Promise<void> {
    await this.attempt(() => this.store.delete(name))
  }

  async close(): Promise<void> {
    await this.attempt(() => this.store.close())
  }

  private async attempt<T>(run: () => Promise<T>): Promise<T | undefined> {
    if (this.failed) return undefined
    try {
      return await run()
    } catch (error) {
      if (!this.failed) this.warn(`the cache cannot be used: ${systemReason(error)}`)
      this.failed = true
      return undefined
    }
  }
}
