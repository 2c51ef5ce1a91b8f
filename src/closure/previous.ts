/** The layers of store paths that an earlier image has. */
import { parseJson } from '../python/parse-json.js'
import { pythonListPaths } from '../python/repr.js'
import type { Layers } from './layers.js'

/**
 * @param config an image config whose history is as this program, or nixpkgs, writes it
 * @returns the layers whose history lists absolute paths, from the lowest on
 */
export function layersOfHistory(config: Uint8Array): Layers {
  const document = parseJson(Buffer.from(config).toString())
  const history = document instanceof Map ? document.get('history') : undefined
  if (!Array.isArray(history)) return []
  return history.flatMap((entry) => {
    const comment = entry instanceof Map ? entry.get('comment') : undefined
    const paths = typeof comment === 'string' ? pathsOfComment(comment) : []
    return paths.length > 0 ? [paths] : []
  })
}

/** The absolute paths that a history entry's comment lists; none where it lists others. */
export function pathsOfComment(comment: string): string[] {
  const [, list] = /^store paths: (\[.*\])$/s.exec(comment) ?? []
  const paths = list === undefined ? [] : pythonListPaths(list)
  return paths.every((path) => path.startsWith('/')) ? paths : []
}
