/** How people name a cache. */
import { homedir } from 'node:os'
import { isAbsolute, join } from 'node:path'
import { ImageError, systemReason } from '../errors.js'

export type CachePlace = { kind: 'directory'; path: string } | { kind: 'server'; url: URL }

/**
 * @param text a directory, or `redis://[[USER]:PASSWORD@]HOST[:PORT][/DATABASE]`, or the same with `rediss:`, over TLS
 * @throws ImageError CACHE_FAILED for what is neither
 */
export function parseCachePlace(text: string): CachePlace {
  const scheme = /^(?:rediss?:|[a-z][a-z0-9+.-]*:\/\/)/i.exec(text)?.[0]
  if (scheme === undefined && text !== '') return { kind: 'directory', path: text }
  const url = /^rediss?:\/\//i.test(text) ? parseUrl(text) : undefined
  if (url !== undefined) return { kind: 'server', url }
  // The rest may hold a password.
  const shown = scheme === undefined ? '""' : `${scheme}…`
  throw new ImageError(
    'CACHE_FAILED',
    `cache ${shown}: expected a directory or redis://HOST:PORT[/DATABASE]; a password is written as in a URL`,
  )
}

function parseUrl(text: string): URL | undefined {
  try {
    const url = new URL(text)
    decodeURIComponent(url.username + url.password)
    return url.hostname !== '' && /^(\/\d*)?$/.test(url.pathname) ? url : undefined
  } catch {
    return undefined
  }
}

/**
 * `XDG_CACHE_HOME/stream-layered-image`, by default in `~/.cache` (XDG Base Directory Specification, 0.8: what is
 * not absolute does not count).
 * @throws ImageError CACHE_FAILED when there is no home directory
 */
export function defaultPlace(environment: NodeJS.ProcessEnv = process.env): string {
  const { XDG_CACHE_HOME = '', HOME } = environment
  if (isAbsolute(XDG_CACHE_HOME)) return join(XDG_CACHE_HOME, 'stream-layered-image')
  const home = HOME ?? userHome()
  if (isAbsolute(home)) return join(home, '.cache', 'stream-layered-image')
  throw new ImageError('CACHE_FAILED', 'the default cache lies in a home directory, and there is none', {
    hint: 'set HOME or XDG_CACHE_HOME, or name a directory',
  })
}

function userHome(): string {
  try {
    return homedir()
  } catch {
    return ''
  }
}

/** @param place its name, without secrets @returns the error for a cache that is of no use */
export function unusable(place: string, cause: unknown, hint?: string): ImageError {
  if (cause instanceof ImageError) return cause
  return new ImageError('CACHE_FAILED', `the cache cannot be used: ${place}: ${systemReason(cause)}`, {
    cause,
    hint,
  })
}
