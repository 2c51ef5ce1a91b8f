/** Digests that are remembered for as long as the program runs. */
import type { CacheStats, CacheStore } from './store.js'

export class MemoryStore implements CacheStore {
  readonly place = 'memory'
  readonly readOnly = undefined
  private readonly entries = new Map<string, { text: string; written: number }>()

  async get(name: string): Promise<string | undefined> {
    return this.entries.get(name)?.text
  }

  async set(name: string, text: string): Promise<void> {
    this.entries.set(name, { text, written: Date.now() })
  }

  async delete(name: string): Promise<void> {
    this.entries.delete(name)
  }

  async stats(): Promise<CacheStats> {
    const all = [...this.entries.values()]
    const times = all.map(({ written }) => written).sort((a, b) => a - b)
    const date = (time: number | undefined): Date | undefined =>
      time === undefined ? undefined : new Date(time)
    const bytes = all.reduce((sum, { text }) => sum + Buffer.byteLength(text), 0)
    return { entries: all.length, bytes, oldest: date(times[0]), latest: date(times.at(-1)) }
  }

  async prune(days: number): Promise<number> {
    const before = this.entries.size
    const oldest = Date.now() - days * 86_400_000
    for (const [name, { written }] of this.entries) if (written < oldest) this.entries.delete(name)
    return before - this.entries.size
  }

  async clear(): Promise<number> {
    const { size } = this.entries
    this.entries.clear()
    return size
  }

  async close(): Promise<void> {}
}
