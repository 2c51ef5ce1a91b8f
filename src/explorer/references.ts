/** What store paths refer to, where this machine's Nix store knows them. */
import { queryReferences } from '../closure/query.js'
import type { ImageFacts } from '../inspection/facts.js'
import type { References } from './image-data.js'

/** One step; the store is asked for all paths of the image. */
export async function referencesOf(facts: ImageFacts, signal: AbortSignal | undefined): Promise<References> {
  const paths = new Set(facts.layers.flatMap(({ storePaths }) => storePaths.map(({ path }) => path)))
  if (paths.size === 0) return { missing: 'the image has no store paths' }
  const found = await queryReferences([...paths], signal)
  if (found === undefined) return { missing: 'no Nix store was there to be asked' }
  if (found.size === 0) return { missing: 'the Nix store here does not have these paths' }
  return new Map([...found].map(([path, { references }]) => [path, references]))
}
