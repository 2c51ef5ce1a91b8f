/** Why a store path is in an image: chains of references that lead to it, and what is there only for it. */
import { type Closure, referrersFirst } from '../closure/closure.js'

/** What leads to each path: paths of the closure that refer to it. */
type Referrers = ReadonlyMap<string, readonly string[]>

export function referrersOf(closure: Closure): Referrers {
  const all = new Map<string, string[]>([...closure.keys()].map((path) => [path, []]))
  for (const { path, references } of closure.values())
    for (const reference of references) all.get(reference)!.push(path)
  return all
}

/**
 * The shortest chains from roots to a path, each a list of paths from a root on to it. What of a chain leads on from a root
 * is looked at only as far as a root can still be reached in time, so that no more is looked at than is found.
 * @param roots with them, each path can be reached from one @param most how many chains are wanted
 * @throws ImageError STORE_PATH_INVALID for references in a circle
 */
export function chainsTo(
  target: string,
  closure: Closure,
  roots: ReadonlySet<string>,
  most: number,
): string[][] {
  const referrers = referrersOf(closure)
  const distances = distancesFrom(roots, closure)
  const found: string[][] = []
  const climb = (chain: readonly string[], length: number): void => {
    const [at] = chain
    if (length === 0) {
      if (roots.has(at!)) found.push([...chain])
      return
    }
    for (const referrer of referrers.get(at!)!) {
      if (found.length >= most) return
      if (distances.get(referrer)! < length) climb([referrer, ...chain], length - 1)
    }
  }
  const longest = Math.min(longestTo(target, closure), MOST_REFERENCES)
  for (let length = distances.get(target)!; length <= longest && found.length < most; length++)
    climb([target], length)
  return found
}

/** No chain is looked at that is longer; real ones have tens. */
const MOST_REFERENCES = 1000

/** How many references the longest chain to a path has. */
function longestTo(target: string, closure: Closure): number {
  const longest = new Map<string, number>()
  for (const path of referrersFirst(closure)) {
    const length = longest.get(path) ?? 0
    if (path === target) return length
    for (const reference of closure.get(path)!.references)
      longest.set(reference, Math.max(longest.get(reference) ?? 0, length + 1))
  }
  return 0
}

/** How many references each path is away from a root. */
function distancesFrom(roots: ReadonlySet<string>, closure: Closure): Map<string, number> {
  const distances = new Map([...roots].map((root) => [root, 0]))
  // A map gives what is added to it while it is gone through.
  for (const [path, distance] of distances)
    for (const reference of closure.get(path)!.references)
      if (!distances.has(reference)) distances.set(reference, distance + 1)
  return distances
}

/** What would not be reached from the roots if a path were not there, the path itself first. */
export function onlyThrough(target: string, closure: Closure, roots: ReadonlySet<string>): string[] {
  const others = new Set([...roots].filter((root) => root !== target))
  for (const path of others)
    for (const reference of closure.get(path)!.references) if (reference !== target) others.add(reference)
  const below = new Set([target])
  for (const path of below)
    for (const reference of closure.get(path)!.references) if (!others.has(reference)) below.add(reference)
  return [...below]
}
