/** What is in a layer: as its plan has it, as reading it tells, or as the history says where it is far away. */
import { pathsOfComment } from '../closure/previous.js'
import type { LargeFile } from '../layers/large-files.js'
import type { Digest } from '../model/digest.js'
import type { Layer, Plan } from '../model/layer.js'
import type { HistoryEntry, PathFacts } from './facts.js'
import type { LayerReader } from './layer-reader.js'

export interface Contents {
  /** Of the archive, in bytes. */
  size?: number
  /** Store paths, and directories of the root. */
  groups: readonly PathFacts[]
  /** The larger ones, where it was read in detail. */
  files?: readonly LargeFile[]
  problem?: string
}

export interface ContentsContext {
  reader: LayerReader
  /** Whether layers are downloaded to be read. */
  deep: boolean
  /** The plan of a layer of store paths. */
  planOf(layer: Layer): Promise<Plan>
}

/** @param diffId what it is said to be, but of store paths @throws ImageError of the layer */
export async function contentsOf(
  layer: Layer,
  diffId: Digest,
  entry: HistoryEntry | undefined,
  { reader, deep, planOf }: ContentsContext,
): Promise<Contents> {
  const { stored } = layer
  if (stored?.store.isRemote === true && !deep) {
    const groups = entry === undefined ? [] : pathsOfEntry(entry)
    return stored.kind === 'none' ? { size: stored.descriptor.size, groups } : { groups }
  }
  if (layer.source.kind !== 'store') return reader.read(layer, diffId)
  const { recipe, size } = await planOf(layer)
  return { size, groups: recipe.kind === 'store' ? reader.ofPlan(recipe.plan) : [] }
}

/** What nixpkgs calls the directory that a customisation layer is made in; the layer's history has it among store paths. */
const CUSTOMISATION = /-customisation-layer$/

function pathsOfEntry({ comment }: HistoryEntry): PathFacts[] {
  const paths = comment === undefined ? [] : pathsOfComment(comment)
  return paths.filter((path) => !CUSTOMISATION.test(path)).map((path) => ({ path }))
}

/** Whether it is a store path, and no directory of the root. */
export function isIn(storeDir: string): (group: PathFacts) => boolean {
  return ({ path }) => path.startsWith(`${storeDir}/`)
}
