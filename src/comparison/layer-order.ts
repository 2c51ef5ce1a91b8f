/** Which layers of two images are the same, by their diff IDs alone. */
import type { Digest } from '../model/digest.js'

export interface LayerOrder {
  /** Pairs of indexes, in order: the same layers in the same order. */
  same: [number, number][]
  /** The same layers in another order. */
  moved: [number, number][]
  /** Indexes of those that only one has. */
  removed: number[]
  added: number[]
}

/** The most layers that can keep their order do. In n·log n. */
export function compareOrder(from: readonly Digest[], to: readonly Digest[]): LayerOrder {
  const places = new Map<Digest, number[]>()
  for (const [i, digest] of to.entries()) {
    const known = places.get(digest)
    if (known === undefined) places.set(digest, [i])
    else known.push(i)
  }
  const taken = new Map<Digest, number>()
  const pairs: [number, number][] = []
  const removed: number[] = []
  for (const [i, digest] of from.entries()) {
    // Of equal layers the first goes with the first.
    const count = taken.get(digest) ?? 0
    const place = places.get(digest)?.[count]
    if (place === undefined) removed.push(i)
    else {
      taken.set(digest, count + 1)
      pairs.push([i, place])
    }
  }
  const there = new Set(pairs.map(([, place]) => place))
  const kept = longestRising(pairs.map(([, place]) => place))
  return {
    same: pairs.filter((_, i) => kept.has(i)),
    moved: pairs.filter((_, i) => !kept.has(i)),
    removed,
    added: [...to.keys()].filter((i) => !there.has(i)),
  }
}

/** Indexes of a longest subsequence that rises. */
export function longestRising(values: readonly number[]): Set<number> {
  /** By length: the index of the smallest value that such a subsequence ends with. */
  const ends: number[] = []
  const before: number[] = []
  for (const [i, value] of values.entries()) {
    let low = 0
    let high = ends.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (values[ends[middle]!]! < value) low = middle + 1
      else high = middle
    }
    before[i] = low > 0 ? ends[low - 1]! : -1
    ends[low] = i
  }
  const kept = new Set<number>()
  for (let at = ends.at(-1) ?? -1; at >= 0; at = before[at]!) kept.add(at)
  return kept
}
