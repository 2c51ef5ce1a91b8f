/**
 * Paths into layers, bottom to top.
 *
 * Two things cost when an image changes: a layer with one changed path is taken whole, and Docker makes every layer above
 * a changed one anew. So large paths have layers of their own, small ones share some; what changes most is on top. A
 * later image keeps the layers of the one before it as long as all their paths are still there, and puts the others,
 * made anew, above them: what changes often rises, what stays sinks.
 */
import type { Closure } from './closure.js'
import { byPopularity } from './popularity.js'

/** Store paths of each layer, from the lowest on. */
export type Layers = readonly (readonly string[])[]

/** Of the layers that are made, one in so many is for small paths together; the others are for one path each. */
const SHARED = 4
/** And one in so many is for one of the most popular paths, however small: they are the lowest, and all needs them. */
const POPULAR = 2
/** Of the layers of a first image, one in so many is left for paths that are new later. */
const RESERVED = 10

/** nixpkgs' way: a layer for each of the most popular paths, and one for all that are left. */
export function nixpkgsLayers(closure: Closure, most: number): Layers {
  const order = byPopularity(closure)
  const own = order.slice(0, most - 1).map((path) => [path])
  return order.length < most ? own : [...own, order.slice(most - 1)]
}

/**
 * Our way.
 * @param most layers, at least 1
 * @param previous the layers of an earlier image; none for a first one
 */
export function stableLayers(closure: Closure, most: number, previous: Layers = []): Layers {
  const order = byPopularity(closure)
  const kept = previous.filter((paths) => paths.length > 0 && paths.every((path) => closure.has(path)))
  const taken = new Set(kept.flat())
  const free = order.filter((path) => !taken.has(path))
  if (kept.length === 0)
    return grouped(free, closure, order.length > most ? most - Math.floor(most / RESERVED) : most)
  if (most === 1) return [[...kept.flat(), ...free]]
  const merged = mergedToFit(kept, closure, most - (free.length > 0 ? 1 : 0))
  return [...merged, ...grouped(free, closure, Math.max(most - merged.length, 0))]
}

/** Paths in at most so many layers: the largest alone, the others with those that are about as popular. */
function grouped(order: readonly string[], closure: Closure, most: number): Layers {
  if (order.length <= most) return order.map((path) => [path])
  const shared = Math.max(1, Math.floor(most / SHARED))
  const popular = Math.floor(most / POPULAR)
  const bySize = order.slice(popular).toSorted((a, b) => sizeOf(b, closure) - sizeOf(a, closure))
  const alone = new Set([...order.slice(0, popular), ...bySize.slice(0, most - shared - popular)])
  const small = order.filter((path) => !alone.has(path))
  const share = small.reduce((sum, path) => sum + sizeOf(path, closure), 0) / shared
  const groups: string[][] = [[]]
  let bytes = 0
  for (const path of small) {
    if (bytes >= share * groups.length && groups.length < shared) groups.push([])
    groups.at(-1)!.push(path)
    bytes += sizeOf(path, closure)
  }
  // Where its least popular path belongs: that one changes most.
  const rank = new Map(order.map((path, i) => [path, i]))
  return [...[...alone].map((path) => [path]), ...groups].toSorted(
    (a, b) => rank.get(a.at(-1)!)! - rank.get(b.at(-1)!)!,
  )
}

/** Layers in no more than so many: neighbours are put together, those with the fewest bytes. */
function mergedToFit(layers: Layers, closure: Closure, most: number): Layers {
  const merged = layers.map((paths) => [...paths])
  const bytes = merged.map((paths) => paths.reduce((sum, path) => sum + sizeOf(path, closure), 0))
  while (merged.length > Math.max(most, 0) && merged.length > 1) {
    let least = 0
    for (let i = 1; i + 1 < merged.length; i++) {
      // Of equals the upper pair, above which Docker has less to make anew.
      if (bytes[i]! + bytes[i + 1]! <= bytes[least]! + bytes[least + 1]!) least = i
    }
    merged[least]!.push(...merged.splice(least + 1, 1)[0]!)
    bytes[least]! += bytes.splice(least + 1, 1)[0]!
  }
  return merged
}

function sizeOf(path: string, closure: Closure): number {
  return closure.get(path)!.size
}
