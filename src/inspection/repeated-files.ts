/** Files whose contents are in several layers. */
import type { LargeFile } from '../layers/large-files.js'
import type { Digest } from '../model/digest.js'
import type { RepeatedFile } from './facts.js'

/** Those that are told of, the largest waste first; and of one the places. */
const MAX_FILES = 500
const MAX_PLACES = 20

/** @param files of each layer, from the lowest on; undefined where it was not read */
export function repeatedFiles(files: readonly (readonly LargeFile[] | undefined)[]): RepeatedFile[] {
  const byDigest = new Map<Digest, { size: number; places: { layer: number; path: string }[] }>()
  for (const [i, found] of files.entries()) {
    for (const { path, size, digest } of found ?? []) {
      const place = { layer: i + 1, path }
      const before = byDigest.get(digest)
      if (before === undefined) byDigest.set(digest, { size, places: [place] })
      else before.places.push(place)
    }
  }
  return [...byDigest]
    .filter(([, { places }]) => places.some(({ layer }) => layer !== places[0]!.layer))
    .map(([digest, { size, places }]) => ({
      digest,
      size,
      count: places.length,
      places: places.slice(0, MAX_PLACES),
    }))
    .sort((a, b) => b.size * (b.count - 1) - a.size * (a.count - 1))
    .slice(0, MAX_FILES)
}
