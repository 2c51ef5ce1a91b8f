/** Where the digest cache keeps its entries: a directory, or a server that machines share. */
import { homedir } from 'node:os'
import { join } from 'node:path'
import { ImageError } from '../errors.js'

/** Texts by key. Each method may fail for reasons of its own; losing an entry is never wrong. */
export interface CacheStore {
  get(key: string): Promise<string | undefined>
  set(key: string, value: string): Promise<void>
  delete(key: string): Promise<void>
  close(): Promise<void>
}

/**
 * @param place a directory, or `redis://…`, `rediss://…`
 * @throws ImageError CACHE_FAILED when there is nothing to speak to such a server with
 */
export async function openStore(place: string): Promise<CacheStore> {
  if (/^rediss?:\/\//.test(place)) return (await import('./shared-store.js')).SharedStore.connect(place)
  if (/^[a-z][a-z0-9+.-]*:\/\//.test(place)) {
    throw new ImageError(
      'CACHE_FAILED',
      `cache ${place.replace(/:.*/s, '')}: expected a directory or redis://HOST:PORT`,
    )
  }
  const { DirectoryStore } = await import('./directory-store.js')
  return new DirectoryStore(place)
}

/** `XDG_CACHE_HOME/stream-layered-image`, by default in `~/.cache`. */
export function defaultPlace(environment: NodeJS.ProcessEnv = process.env): string {
  return join(environment.XDG_CACHE_HOME || join(homedir(), '.cache'), 'stream-layered-image')
}
