/**
 * Entries in a directory, by cacache: each is written whole and read with its checksum, so concurrent runs,
 * crashes and damage cost entries, never truth.
 */
import { statSync } from 'node:fs'
import cacache from 'cacache'
import type { CacheStore } from './store.js'

/** What keeps a cache bounded: every so often a build prunes it, of entries older than this, or more than this. */
const PRUNE_EVERY = 7 * 86_400_000
const LIFETIME_DAYS = 90
const MAX_ENTRIES = 100_000

export interface CacheStats {
  entries: number
  /** Bytes of all entries. */
  bytes: number
  /** When the oldest and the latest were written; undefined without any. */
  oldest: Date | undefined
  latest: Date | undefined
}

export class DirectoryStore implements CacheStore {
  constructor(private readonly directory: string) {}

  async get(key: string): Promise<string | undefined> {
    try {
      return (await cacache.get(this.directory, key)).data.toString()
    } catch {
      // Not there, or damaged: then it is removed, so that it can be written anew.
      return undefined
    }
  }

  async set(key: string, value: string): Promise<void> {
    await cacache.put(this.directory, key, value)
  }

  async delete(key: string): Promise<void> {
    await cacache.rm.entry(this.directory, key)
  }

  async close(): Promise<void> {
    if (Date.now() - (await this.lastPruned()) < PRUNE_EVERY) return
    // Another build may be at it too; what either misses is for the next one.
    await this.prune(LIFETIME_DAYS).catch(() => {})
  }

  async stats(): Promise<CacheStats> {
    const entries = await this.entries()
    const times = entries.map(({ time }) => time)
    return {
      entries: entries.length,
      bytes: entries.reduce((sum, { size }) => sum + size, 0),
      oldest: times[0] === undefined ? undefined : new Date(times[0]),
      latest: times.length === 0 ? undefined : new Date(times.at(-1)!),
    }
  }

  /**
   * Removes entries that are older, or more than are kept, and content that none refers to.
   * @param days entries older than this go @returns how many went
   */
  async prune(days: number, now = Date.now()): Promise<number> {
    const entries = await this.entries()
    const surplus = entries.length - MAX_ENTRIES
    const removed = entries.filter(({ time }, i) => i < surplus || now - time > days * 86_400_000)
    for (const { key } of removed) await this.delete(key)
    if (this.exists()) await cacache.verify(this.directory)
    return removed.length
  }

  async clear(): Promise<void> {
    if (this.exists()) await cacache.rm.all(this.directory)
  }

  /** Milliseconds since the epoch; of a cache that never was, when it was made. */
  private async lastPruned(): Promise<number> {
    const made = statSync(this.directory, { throwIfNoEntry: false })?.birthtimeMs ?? Number.POSITIVE_INFINITY
    return cacache.verify.lastRun(this.directory).then(Number, () => made)
  }

  /** The oldest first. */
  private async entries(): Promise<{ key: string; time: number; size: number }[]> {
    if (!this.exists()) return []
    return Object.values(await cacache.ls(this.directory)).sort((a, b) => a.time - b.time)
  }

  private exists(): boolean {
    return statSync(this.directory, { throwIfNoEntry: false }) !== undefined
  }
}
