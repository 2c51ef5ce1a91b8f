/** Entries on a Redis server that machines share, by its client, which is an optional package. */
import { setTimeout } from 'node:timers/promises'
import { ImageError, systemCode } from '../errors.js'
import { ENTRY_LIMIT, isBlobName, LIFETIME } from './entry.js'
import { unusable } from './place.js'
import type { CacheStats, CacheStore } from './store.js'

/** Before each name, as others use the server too. */
const PREFIX = 'stream-layered-image:'
/** Milliseconds to wait for a connection, and for an answer. */
const CONNECT_TIMEOUT = 3000
const PATIENCE = 5000
/** How many keys the server is asked to look through at once. */
const SCAN_COUNT = 1000

/** What is used of the client. */
interface Client {
  connect(): Promise<unknown>
  destroy(): void
  on(event: 'error', listener: () => void): unknown
  getRange(key: string, start: number, end: number): Promise<string | null>
  set(key: string, text: string, options: { expiration: { type: 'PX'; value: number } }): Promise<unknown>
  unlink(key: string): Promise<number>
  strLen(key: string): Promise<number>
  pTTL(key: string): Promise<number>
  scanIterator(options: { MATCH: string; COUNT: number }): AsyncGenerator<string[]>
}

export class SharedStore implements CacheStore {
  /** Whether something may be written is for the server to say each time. */
  readonly readOnly = undefined

  private constructor(
    readonly place: string,
    private readonly client: Client,
    /** Removes secrets from what the server says. */
    private readonly redact: (error: unknown) => Error,
    private readonly signal: AbortSignal | undefined,
  ) {}

  /**
   * @param url as {@link parseCachePlace} takes it
   * @param signal drops the connection
   * @throws ImageError CACHE_FAILED when there is no client, no server, or it refuses
   */
  static async open(url: URL, signal?: AbortSignal): Promise<SharedStore> {
    const place = `${url.protocol}//${url.host}${url.pathname}`
    const store = new SharedStore(place, newClient(await load(), url), redactor(url), signal)
    // Each operation tells of its own failure.
    store.client.on('error', () => {})
    signal?.addEventListener('abort', store.disconnect)
    try {
      await store.ask(() => store.client.connect())
      // A server that wants a password takes connections without one.
      await store.get('')
      return store
    } catch (error) {
      store.disconnect()
      throw unusable(place, error)
    }
  }

  /** No more than an entry's length is taken from the server, however much is there. */
  async get(name: string): Promise<string | undefined> {
    const text = await this.ask(() => this.client.getRange(PREFIX + name, 0, ENTRY_LIMIT)).catch(noText)
    return text && text.length <= ENTRY_LIMIT ? text : undefined
  }

  async set(name: string, text: string): Promise<void> {
    const expiration = { type: 'PX', value: LIFETIME } as const
    await this.ask(() => this.client.set(PREFIX + name, text, { expiration }))
  }

  async delete(name: string): Promise<void> {
    await this.ask(() => this.client.unlink(PREFIX + name))
  }

  async stats(): Promise<CacheStats> {
    const sum: CacheStats = { entries: 0, bytes: 0, oldest: undefined, latest: undefined }
    await this.forEach(({ bytes, time }) => {
      const date = new Date(time)
      sum.entries++
      sum.bytes += bytes
      if (sum.oldest === undefined || date < sum.oldest) sum.oldest = date
      if (sum.latest === undefined || date > sum.latest) sum.latest = date
    })
    return sum
  }

  async prune(days: number): Promise<number> {
    const limit = Date.now() - days * 86_400_000
    return this.remove(({ time }) => time < limit)
  }

  async clear(): Promise<number> {
    return this.remove(() => true)
  }

  async close(): Promise<void> {
    this.signal?.removeEventListener('abort', this.disconnect)
    this.disconnect()
  }

  private async remove(isOld: (entry: StoredEntry) => boolean): Promise<number> {
    let removed = 0
    await this.forEach(async (entry) => {
      const count = isOld(entry) ? await this.ask(() => this.client.unlink(entry.key)) : 0
      removed += count
    })
    return removed
  }

  private async forEach(visit: (entry: StoredEntry) => void | Promise<void>): Promise<void> {
    const seen = new Set<string>()
    const batches = this.client.scanIterator({ MATCH: `${PREFIX}*`, COUNT: SCAN_COUNT })
    while (true) {
      const { done, value: keys } = await this.ask(() => batches.next())
      if (done) return
      // A server may give a key twice.
      const fresh = keys.filter((key) => !seen.has(key) && isBlobName(key.slice(PREFIX.length)))
      for (const key of fresh) seen.add(key)
      await Promise.all(
        fresh.map(async (key) => {
          const entry = await this.look(key)
          if (entry !== undefined) await visit(entry)
        }),
      )
    }
  }

  /** @returns undefined when it is gone, or none of ours */
  private async look(key: string): Promise<StoredEntry | undefined> {
    const bytes = await this.ask(() => this.client.strLen(key)).catch(noText)
    const left = await this.ask(() => this.client.pTTL(key))
    return bytes === undefined || left < 0 ? undefined : { key, bytes, time: Date.now() - (LIFETIME - left) }
  }

  /** @throws Error without secrets, also when there is no answer: a server may take a connection and say nothing */
  private async ask<T>(question: () => Promise<T>): Promise<T> {
    const answered = new AbortController()
    const signal = AbortSignal.any([answered.signal, ...(this.signal ? [this.signal] : [])])
    const late = setTimeout(PATIENCE, undefined, { signal }).then(() => {
      throw new Error('no answer in time')
    })
    late.catch(() => {})
    try {
      return await Promise.race([question(), late])
    } catch (error) {
      throw this.redact(error)
    } finally {
      answered.abort()
    }
  }

  private readonly disconnect = (): void => {
    try {
      this.client.destroy()
    } catch {
      // It was closed already.
    }
  }
}

interface StoredEntry {
  key: string
  bytes: number
  /** When it was written, in milliseconds since the epoch. */
  time: number
}

/** Under our name somebody keeps what is no text: that is no entry. */
function noText(error: unknown): undefined {
  if (error instanceof Error && error.message.startsWith('WRONGTYPE')) return undefined
  throw error
}

function newClient({ createClient }: typeof import('@redis/client'), url: URL): Client {
  const { username, password, hostname, port, protocol, pathname } = url
  return createClient({
    ...(username !== '' && { username: decodeURIComponent(username) }),
    ...(password !== '' && { password: decodeURIComponent(password) }),
    database: Number(pathname.slice(1)),
    disableClientInfo: true,
    socket: {
      host: hostname.replace(/^\[|\]$/g, ''),
      port: Number(port || 6379),
      connectTimeout: CONNECT_TIMEOUT,
      reconnectStrategy: false,
      ...(protocol === 'rediss:' && { tls: true }),
    },
  })
}

/** Servers quote the commands that they do not know, and so a password. */
function redactor({ password }: URL): (error: unknown) => Error {
  const secrets = [password, decodeURIComponent(password)].filter((secret) => secret !== '')
  return (error) => {
    if (error instanceof Error && systemCode(error) !== undefined) return error
    let text = error instanceof Error ? error.message : String(error)
    for (const secret of secrets) text = text.replaceAll(secret, '***')
    return new Error(text.slice(0, 200))
  }
}

async function load(): Promise<typeof import('@redis/client')> {
  try {
    return await import('@redis/client')
  } catch (error) {
    throw new ImageError('CACHE_FAILED', 'the cache cannot be used: the package @redis/client is missing', {
      hint: 'npm install @redis/client',
      cause: error,
    })
  }
}
