import type { CachePlace } from './place.js'
import type { CacheStore, OpenOptions } from './store.js'

/** @throws ImageError CACHE_FAILED when it cannot be used, naming the place without its password */
export async function openStore(place: CachePlace, options: OpenOptions): Promise<CacheStore> {
  if (place.kind === 'server')
    return (await import('./shared-store.js')).SharedStore.open(place.url, options.signal)
  return (await import('./directory-store.js')).DirectoryStore.open(place.path, options)
}
