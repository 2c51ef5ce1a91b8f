/** Why store paths differ that differ in nothing but the names of others. */
import type { LayerChange, PathChange } from './result.js'

/** Tells each of them the paths that the change began with, through all that lie between. */
export function findCauses(layers: readonly LayerChange[]): void {
  const byPath = new Map<string, PathChange>()
  for (const { paths } of layers)
    for (const path of paths) if (path.to !== undefined) byPath.set(path.to, path)
  for (const path of byPath.values()) {
    if (!isExplained(path)) continue
    const causes = new Set<string>()
    const seen = new Set<string>()
    const waiting = [...path.mentions!]
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      if (seen.has(next)) continue
      seen.add(next)
      const change = byPath.get(next)
      if (change !== undefined && isExplained(change)) waiting.push(...change.mentions!)
      else causes.add(next)
    }
    // Of paths that name each other all are as they were.
    path.causes = causes.size > 0 ? [...causes].sort() : path.mentions!
  }
}

/** Whether all that differs are names of store paths. */
function isExplained({ differing, mentions, isReordered, isTooLarge }: PathChange): boolean {
  return mentions !== undefined && differing.length === 0 && !isReordered && !isTooLarge
}
