/**
 * Digests of layers that were produced before, by their names. A cache that fails is a cache without
 * entries: it is given up with one warning, and the build goes on.
 */
import { asImageError, systemReason } from '../errors.js'
import type { Blob } from '../model/layer.js'
import { decodeEntry, encodeEntry, fitsName } from './entry.js'
import { openStore } from './open-store.js'
import { parseCachePlace } from './place.js'
import type { CacheStore } from './store.js'

export class DigestCache {
  private reads = true
  private writes = true
  private warned = false

  /** @param warn takes a sentence for people */
  constructor(
    private readonly store: CacheStore,
    private readonly warn: (message: string) => void,
  ) {
    if (store.readOnly !== undefined) this.giveUpWriting(store.readOnly)
  }

  /**
   * Opens a cache for a build, before it begins.
   * @param text as {@link parseCachePlace} takes it
   * @param make whether to make a directory that is not there
   * @returns undefined, after a warning, when it cannot be used
   * @throws ImageError CACHE_FAILED when the text names no cache
   */
  static async open(
    text: string,
    warn: (message: string) => void,
    signal?: AbortSignal,
    make = true,
  ): Promise<DigestCache | undefined> {
    const place = parseCachePlace(text)
    try {
      return new DigestCache(await openStore(place, { make, signal }), warn)
    } catch (error) {
      if (!signal?.aborted) warn(asImageError(error, 'CACHE_FAILED', 'the cache cannot be used').message)
      return undefined
    }
  }

  /** What the name stands for; undefined when that is not known. */
  async find(name: string): Promise<Blob | undefined> {
    if (!this.reads) return undefined
    try {
      const text = await this.store.get(name)
      return text === undefined ? undefined : decodeEntry(name, text)
    } catch (error) {
      this.giveUp(error)
      return undefined
    }
  }

  /** @param blob one that {@link fitsName}; what does not is not remembered */
  async remember(name: string, blob: Blob): Promise<void> {
    if (fitsName(name, blob)) await this.write(() => this.store.set(name, encodeEntry(name, blob)))
  }

  /** @returns whether it is gone: who may only read a cache cannot drop what is not true */
  async drop(name: string): Promise<boolean> {
    return this.write(() => this.store.delete(name))
  }

  async close(): Promise<void> {
    await this.store.close().catch((error) => this.giveUp(error))
  }

  private async write(run: () => Promise<void>): Promise<boolean> {
    if (!this.writes) return false
    return run().then(
      () => true,
      (error: unknown) => {
        this.giveUpWriting(error)
        return false
      },
    )
  }

  private giveUp(error: unknown): void {
    this.reads = false
    this.writes = false
    this.tell('the cache cannot be used', error)
  }

  private giveUpWriting(error: unknown): void {
    this.writes = false
    this.tell('the cache cannot be written to, only read', error)
  }

  private tell(what: string, error: unknown): void {
    if (!this.warned) this.warn(`${what}: ${this.store.place}: ${systemReason(error)}`)
    this.warned = true
  }
}
