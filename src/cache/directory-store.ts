/**
 * Entries in a directory, a small file each: written aside and renamed, so concurrent builds see whole entries,
 * and what a crash leaves of one is no entry by its checksum.
 */
import { constants } from 'node:fs'
import { lstat, open, readdir, unlink, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import pLimit from 'p-limit'
import { systemCode } from '../errors.js'
import { findCache, isTemporary, MARKER, makeCache, whyReadOnly, writeEntry } from './cache-directory.js'
import { ENTRY_LIMIT, isBlobName, LIFETIME } from './entry.js'
import type { CacheStats, CacheStore, OpenOptions } from './store.js'

const DAY = 86_400_000
/** What keeps a cache bounded: every so often a build prunes it, of entries that are too old, or more than this. */
const PRUNE_EVERY = 7 * DAY
const MAX_ENTRIES = 100_000
/** Milliseconds after which a temporary file is one of a build that was killed. */
const ABANDONED = 3_600_000
/** How many files are looked at together: a cache may lie on a network. */
const TOGETHER = 64

/** What is there but not to be read is not there: another user's file, a link, a directory. */
const NO_ENTRY = new Set(['ENOENT', 'EACCES', 'EPERM', 'ELOOP', 'EISDIR', 'ENXIO'])

export class DirectoryStore implements CacheStore {
  /** An image has thousands of layers, and a process no more descriptors than it is given. */
  private readonly turns = pLimit(TOGETHER)

  private constructor(
    readonly place: string,
    /** The directory of just the entries; undefined when there is none. */
    private readonly directory: string | undefined,
    readonly readOnly: unknown,
    private readonly signal: AbortSignal | undefined,
  ) {}

  /** @param parent the directory that people named @throws ImageError CACHE_FAILED */
  static async open(parent: string, { make, signal }: OpenOptions): Promise<DirectoryStore> {
    const directory = await (make ? makeCache(parent) : findCache(parent))
    const readOnly = directory === undefined ? undefined : await whyReadOnly(directory)
    return new DirectoryStore(parent, directory, readOnly, signal)
  }

  async get(name: string): Promise<string | undefined> {
    if (this.directory === undefined || !isBlobName(name)) return undefined
    try {
      return await this.turns(readSmall, join(this.directory, name))
    } catch (error) {
      if (NO_ENTRY.has(systemCode(error) ?? '')) return undefined
      throw error
    }
  }

  async set(name: string, text: string): Promise<void> {
    if (this.directory !== undefined && isBlobName(name))
      await this.turns(writeEntry, this.directory, name, text)
  }

  async delete(name: string): Promise<void> {
    if (this.directory !== undefined && isBlobName(name))
      await removeFile({ path: join(this.directory, name) })
  }

  async close(): Promise<void> {
    if (this.directory === undefined || this.readOnly !== undefined) return
    // The marker's time is when the cache was made, or pruned last.
    const { mtimeMs } = await lstat(join(this.directory, MARKER))
    if (Date.now() - mtimeMs < PRUNE_EVERY) return
    // Another build may be at it too; what either misses is for the next one.
    await this.prune(LIFETIME / DAY).catch(() => {})
  }

  async stats(): Promise<CacheStats> {
    const { entries } = await this.files()
    const first = entries[0]
    const last = entries.at(-1)
    return {
      entries: entries.length,
      bytes: entries.reduce((sum, { size }) => sum + size, 0),
      oldest: first && new Date(first.time),
      latest: last && new Date(last.time),
    }
  }

  /** Removes also what are more entries than are kept, the oldest, and what killed builds left. */
  async prune(days: number, now = Date.now()): Promise<number> {
    if (this.directory === undefined) return 0
    const { entries, temporary } = await this.files()
    const surplus = entries.length - MAX_ENTRIES
    const removed = entries.filter(({ time }, i) => i < surplus || now - time > days * DAY)
    const abandoned = temporary.filter(({ time }) => now - time > ABANDONED)
    await inTurn([...removed, ...abandoned], removeFile, this.signal)
    await utimes(join(this.directory, MARKER), new Date(now), new Date(now))
    return removed.length
  }

  async clear(): Promise<number> {
    const { entries } = await this.files()
    await inTurn(entries, removeFile, this.signal)
    return entries.length
  }

  /** What the cache consists of, the oldest first. Whatever else lies there is left alone. */
  private async files(): Promise<{ entries: File[]; temporary: File[] }> {
    const { directory } = this
    const entries: File[] = []
    const temporary: File[] = []
    if (directory === undefined) return { entries, temporary }
    const look = async (name: string): Promise<void> => {
      const list = isBlobName(name) ? entries : isTemporary(name) ? temporary : undefined
      if (list === undefined) return
      const path = join(directory, name)
      const stats = await lstat(path).catch(() => undefined)
      if (stats?.isFile()) list.push({ path, time: stats.mtimeMs, size: stats.size })
    }
    await inTurn(await readdir(directory), look, this.signal)
    return { entries: entries.sort((a, b) => a.time - b.time), temporary }
  }
}

interface File {
  path: string
  /** Milliseconds since the epoch. */
  time: number
  size: number
}

/** @returns undefined for what is larger than an entry, or no file */
async function readSmall(path: string): Promise<string | undefined> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  try {
    if (!(await file.stat()).isFile()) return undefined
    const buffer = Buffer.alloc(ENTRY_LIMIT + 1)
    const { bytesRead } = await file.read(buffer, 0, buffer.length, 0)
    return bytesRead > ENTRY_LIMIT ? undefined : buffer.toString('utf8', 0, bytesRead)
  } finally {
    await file.close()
  }
}

async function removeFile({ path }: { path: string }): Promise<void> {
  await unlink(path).catch((error: unknown) => {
    if (systemCode(error) !== 'ENOENT') throw error
  })
}

async function inTurn<T>(
  items: readonly T[],
  run: (item: T) => Promise<void>,
  signal: AbortSignal | undefined,
): Promise<void> {
  for (let at = 0; at < items.length; at += TOGETHER) {
    signal?.throwIfAborted()
    await Promise.all(items.slice(at, at + TOGETHER).map(run))
  }
}
