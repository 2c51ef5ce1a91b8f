/** Recipe → archive bytes: what every pass over a layer goes through, on whatever thread. */
import type { Fingerprint, Recipe } from '../model/recipe.js'
import { writeArchive } from './archive.js'
import { copyPackedRanges, type PackedRanges } from './compressed-ranges.js'
import type { NarHasher } from './nar.js'
import { copyRangeToSink } from './ranges.js'
import type { Sink } from './sink.js'

/**
 * Writes the archives of recipes, one after the other; no buffer holds bytes of two.
 * @param nar sees what store paths hold
 * @throws ImageError FILE_CHANGED when a file is not as it was planned, or what reading it fails with
 */
export async function writeRecipes(recipes: readonly Recipe[], sink: Sink, nar?: NarHasher): Promise<void> {
  for (const group of groups(recipes)) {
    if ('ranges' in group) await copyPackedRanges(group, sink)
    else if (group.kind === 'range') copyRangeToSink(group, sink)
    else writeArchive(group.plan, group.owner, sink, { recheck: true, nar })
  }
}

/** Recipes, with those of the same packed file together, so that it is decompressed once. */
function groups(recipes: readonly Recipe[]): (Recipe | PackedRanges)[] {
  const out: (Recipe | PackedRanges)[] = []
  for (const recipe of recipes) {
    const last = out.at(-1)
    if (recipe.kind === 'store' || recipe.compression === 'none') out.push(recipe)
    else if (last !== undefined && 'ranges' in last && isSame(last.fingerprint, recipe.fingerprint))
      last.ranges.push(recipe.range)
    else {
      const { path, fingerprint, compression, range } = recipe
      out.push({ path, fingerprint, compression, ranges: [range] })
    }
  }
  return out
}

function isSame(a: Fingerprint, b: Fingerprint): boolean {
  return a.inode === b.inode && a.size === b.size && a.ctimeMs === b.ctimeMs
}
