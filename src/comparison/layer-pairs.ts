/** Which of the layers that only one image has are versions of each other: those that have most paths in common. */
import type { Group } from '../layers/groups.js'
import { storeName } from './store-names.js'

/** By the layer's index in its image. */
export type LayerGroups = ReadonlyMap<number, readonly Group[]>

/** @returns pairs of indexes, in the second image's order */
export function pairLayers(from: LayerGroups, to: LayerGroups): [number, number][] {
  const holders = new Map<string, number[]>()
  for (const [i, groups] of from)
    for (const key of keysOf(groups)) {
      const known = holders.get(key)
      if (known === undefined) holders.set(key, [i])
      else known.push(i)
    }
  const scored: { pair: [number, number]; score: number }[] = []
  for (const [j, groups] of to) {
    const scores = new Map<number, number>()
    // What is in very many layers tells them apart no more.
    for (const key of keysOf(groups))
      for (const i of (holders.get(key) ?? []).slice(0, MANY)) scores.set(i, (scores.get(i) ?? 0) + 1)
    for (const [i, score] of scores) scored.push({ pair: [i, j], score })
  }
  const distance = ([i, j]: [number, number]): number => Math.abs(i - j)
  scored.sort((a, b) => b.score - a.score || distance(a.pair) - distance(b.pair) || a.pair[1] - b.pair[1])
  const [left, right] = [new Set(from.keys()), new Set(to.keys())]
  const pairs: [number, number][] = []
  for (const { pair } of scored) {
    if (!left.has(pair[0]) || !right.has(pair[1])) continue
    pairs.push(pair)
    left.delete(pair[0])
    right.delete(pair[1])
  }
  return pairs.sort(([, a], [, b]) => a - b)
}

const MANY = 100

/** What a layer is known by: its paths, and what is called the same in other versions. */
function keysOf(groups: readonly Group[]): Set<string> {
  const keys = new Set<string>()
  for (const { path } of groups) {
    if (path !== '/') keys.add(path)
    const program = storeName(path)?.program
    if (program !== undefined) keys.add(program)
  }
  // A layer of the root alone, or of nothing, is like others of that kind.
  if (keys.size === 0) keys.add('/')
  return keys
}
