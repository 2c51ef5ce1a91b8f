/**
 * The popularity contest of nixpkgs (`referencesByPopularity`): a path is the more popular the more paths need it, and
 * the more ways lead to it. Its points are the number of ways from the roots (paths that nothing refers to) to it and to
 * everything above it, which is what merging the subtrees of the reference tree and counting up by one each time gives.
 */
import { type Closure, referrersFirst } from './closure.js'

/**
 * The most popular first; of equals the first by name.
 * @throws ImageError STORE_PATH_INVALID as {@link referrersFirst}
 */
export function byPopularity(closure: Closure): string[] {
  const points = popularity(closure)
  const names = new Map([...closure.keys()].map((path) => [path, sortName(path)]))
  return [...closure.keys()].sort((a, b) => {
    const [of, to] = [points.get(a)!, points.get(b)!]
    if (of !== to) return of > to ? -1 : 1
    return names.get(a)! < names.get(b)! ? -1 : 1
  })
}

/** Ways multiply with every storey of the graph: numbers do not hold them. */
function popularity(closure: Closure): ReadonlyMap<string, bigint> {
  const order = referrersFirst(closure)
  const referrers = new Map<string, string[]>(order.map((path) => [path, []]))
  const ways = new Map<string, bigint>()
  for (const path of order) {
    const above = referrers.get(path)!
    ways.set(path, above.length === 0 ? 1n : above.reduce((sum, referrer) => sum + ways.get(referrer)!, 0n))
    for (const reference of closure.get(path)!.references) referrers.get(reference)!.push(path)
  }
  return new Map(
    order.map((path) => {
      const above = new Set([path])
      for (const it of above) for (const referrer of referrers.get(it)!) above.add(referrer)
      return [path, [...above].reduce((sum, it) => sum + ways.get(it)!, 0n)]
    }),
  )
}

/** The name, then what stands before its first dash: store directory and hash. */
function sortName(path: string): string {
  const dash = path.indexOf('-')
  return dash < 0 ? path : `${path.slice(dash + 1)}-${path.slice(0, dash)}`
}
