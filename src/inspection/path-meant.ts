/** Which store path of an image somebody means. */
import { ImageError } from '../errors.js'
import type { ImagePaths } from './search.js'

/** How many paths an error names. */
const MOST_NAMES = 8

/**
 * The path of an image that is meant.
 * @param asked a store path, something in one, or a part of its name
 * @throws ImageError STORE_PATH_INVALID when there is none, or several
 */
export function pathMeant(name: string, asked: string, paths: ImagePaths, storeDir: string): string {
  if (asked.startsWith(`${storeDir}/`)) {
    const path = `${storeDir}/${asked.slice(storeDir.length + 1).split('/', 1)[0]}`
    if (paths.has(path)) return path
    throw new ImageError('STORE_PATH_INVALID', `${name}: expected ${path}, found nothing of it`)
  }
  const nameOf = (path: string): string => path.slice(storeDir.length + 1)
  const matches = [...paths.keys()].filter((path) => nameOf(path).includes(asked))
  // The whole of a name says more than a part of others.
  const exact = matches.filter((path) => nameOf(path).replace(/^[^-]*-/, '') === asked)
  const meant = exact.length > 0 ? exact : matches
  if (meant.length === 1) return meant[0]!
  if (meant.length === 0)
    throw new ImageError(
      'STORE_PATH_INVALID',
      `${name}: expected a store path with "${asked}" in its name, found none among ${paths.size}`,
      { hint: `stream-layered-image inspect ${name} shows them` },
    )
  const more = meant.length > MOST_NAMES ? ` and ${meant.length - MOST_NAMES} more` : ''
  throw new ImageError(
    'STORE_PATH_INVALID',
    `${name}: expected one store path with "${asked}" in its name, found ${meant.slice(0, MOST_NAMES).join(' ')}${more}`,
    { hint: 'name one of them' },
  )
}
