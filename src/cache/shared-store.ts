/** Entries on a server that machines share, by Keyv and its Redis adapter, which are optional packages. */
import { setTimeout } from 'node:timers/promises'
import { ImageError } from '../errors.js'
import type { CacheStore } from './store.js'

/** Entries that nobody wrote anew for this long go, in milliseconds: the server's bound. */
const LIFETIME = 90 * 86_400_000
/** Milliseconds to wait for a connection, and for an answer. */
const CONNECT_TIMEOUT = 3000
const PATIENCE = 5000

interface KeyValue {
  get(key: string): Promise<unknown>
  set(key: string, value: string): Promise<unknown>
  delete(key: string): Promise<unknown>
}

export class SharedStore implements CacheStore {
  /** @param disconnect drops the connection, whatever it waits for */
  private constructor(
    private readonly keyv: KeyValue,
    private readonly disconnect: () => Promise<void>,
  ) {}

  /** @throws ImageError CACHE_FAILED when the packages are not installed */
  static async connect(url: string): Promise<SharedStore> {
    const { Keyv, KeyvRedis } = await load()
    const adapter = new KeyvRedis(
      { url, socket: { connectTimeout: CONNECT_TIMEOUT, reconnectStrategy: false } },
      { throwOnConnectError: true, throwOnErrors: true },
    )
    const keyv = new Keyv(adapter, { namespace: 'stream-layered-image', ttl: LIFETIME, throwOnErrors: true })
    // Each operation tells of its own failure.
    keyv.on('error', () => {})
    return new SharedStore(keyv, () => adapter.disconnect(true))
  }

  async get(key: string): Promise<string | undefined> {
    const value = await inTime(this.keyv.get(key))
    return typeof value === 'string' ? value : undefined
  }

  async set(key: string, value: string): Promise<void> {
    await inTime(this.keyv.set(key, value))
  }

  async delete(key: string): Promise<void> {
    await inTime(this.keyv.delete(key))
  }

  async close(): Promise<void> {
    await this.disconnect()
  }
}

/** @throws Error when there is no answer for too long: a server may take a connection and then say nothing */
async function inTime<T>(answer: Promise<T>): Promise<T> {
  const answered = new AbortController()
  const { signal } = answered
  const late = setTimeout(PATIENCE, undefined, { signal }).then(() => {
    throw new Error('no answer in time')
  })
  late.catch(() => {})
  try {
    return await Promise.race([answer, late])
  } finally {
    answered.abort()
  }
}

async function load(): Promise<{
  Keyv: typeof import('keyv').Keyv
  KeyvRedis: typeof import('@keyv/redis').default
}> {
  try {
    const [{ Keyv }, { default: KeyvRedis }] = await Promise.all([import('keyv'), import('@keyv/redis')])
    return { Keyv, KeyvRedis }
  } catch (error) {
    throw new ImageError('CACHE_FAILED', 'a shared cache needs the packages keyv and @keyv/redis', {
      hint: 'npm install keyv @keyv/redis',
      cause: error,
    })
  }
}
