/** Entries on a server that machines share, by Keyv and its Redis adapter, which are optional packages. */
import { ImageError } from '../errors.js'
import type { CacheStore } from './store.js'

/** Entries that nobody wrote anew for this long go, in milliseconds: the server's bound. */
const LIFETIME = 90 * 86_400_000
const CONNECT_TIMEOUT = 3000

interface KeyValue {
  get(key: string): Promise<unknown>
  set(key: string, value: string): Promise<unknown>
  delete(key: string): Promise<unknown>
  disconnect(): Promise<void>
}

export class SharedStore implements CacheStore {
  private constructor(private readonly keyv: KeyValue) {}

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
    return new SharedStore(keyv)
  }

  async get(key: string): Promise<string | undefined> {
    const value = await this.keyv.get(key)
    return typeof value === 'string' ? value : undefined
  }

  async set(key: string, value: string): Promise<void> {
    await this.keyv.set(key, value)
  }

  async delete(key: string): Promise<void> {
    await this.keyv.delete(key)
  }

  async close(): Promise<void> {
    await this.keyv.disconnect()
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
