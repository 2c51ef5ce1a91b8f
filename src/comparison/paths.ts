/** Which store paths and directories differ between layers, by their digests alone. */
import type { Group } from '../layers/groups.js'
import type { LayerGroups } from './layer-pairs.js'
import type { PathChange } from './result.js'
import { pairByName } from './store-names.js'

/** A path in a layer of an image. */
export interface GroupAt {
  layer: number
  group: Group
}

export interface PathPair {
  from: GroupAt
  to: GroupAt
  change: PathChange
}

export interface ComparedPaths {
  /** By the layer of the second image; what was removed by that of the first. */
  added: Map<number, PathChange[]>
  removed: Map<number, PathChange[]>
  /** Those whose members are to be compared. */
  pairs: PathPair[]
  /** Layers of the first image that a path went from into another one. */
  left: Set<number>
}

/** @param pairs layers that are versions of each other */
export function comparePaths(
  from: LayerGroups,
  to: LayerGroups,
  pairs: readonly (readonly [number, number])[],
): ComparedPaths {
  const result: ComparedPaths = { added: new Map(), removed: new Map(), pairs: [], left: new Set() }
  const [gone, come] = [all(from), all(to)]
  const take = (a: GroupAt, b: GroupAt, change: PathChange['change']): void => {
    gone.delete(a)
    come.delete(b)
    const isElsewhere = partners.get(b.layer) !== a.layer
    if (change === 'changed' && a.group.digest === b.group.digest) {
      if (!isElsewhere || a.group.path === '/') return
      change = 'moved'
    }
    const found: PathChange = { change, from: a.group.path, to: b.group.path, differing: [] }
    if (isElsewhere) {
      found.fromLayer = a.layer + 1
      result.left.add(a.layer)
    }
    push(result.added, b.layer, found)
    if (change !== 'moved') result.pairs.push({ from: a, to: b, change: found })
  }
  const partners = new Map(pairs.map(([i, j]) => [j, i]))
  // The same path in the layer's other version first, then in any layer.
  for (const key of [({ layer, group }: GroupAt) => `${layer} ${group.path}`, pathOf]) {
    const places = byKey(gone, key)
    for (const b of [...come]) {
      const layer = partners.get(b.layer)
      const own = key === pathOf ? b : layer === undefined ? undefined : { ...b, layer }
      if (own === undefined || (key === pathOf && b.group.path === '/')) continue
      const a = places.get(key(own))?.shift()
      if (a !== undefined) take(a, b, 'changed')
    }
  }
  const [removed, added] = [[...gone], [...come]]
  for (const [i, j] of pairByName(removed.map(pathOf), added.map(pathOf)))
    take(removed[i]!, added[j]!, 'replaced')
  const [pairedFrom, pairedTo] = [new Set(pairs.map(([i]) => i)), new Set(pairs.map(([, j]) => j))]
  for (const at of come)
    if (isTold(at, pairedTo, to))
      push(result.added, at.layer, { change: 'added', to: pathOf(at), ...sumOf(at) })
  for (const at of gone)
    if (isTold(at, pairedFrom, from))
      push(result.removed, at.layer, { change: 'removed', from: pathOf(at), ...sumOf(at) })
  return result
}

/** The directories above store paths come and go with their layer. */
function isTold({ layer, group }: GroupAt, paired: ReadonlySet<number>, layers: LayerGroups): boolean {
  return group.path !== '/' || paired.has(layer) || layers.get(layer)!.length === 1
}

function all(layers: LayerGroups): Set<GroupAt> {
  return new Set([...layers].flatMap(([layer, groups]) => groups.map((group) => ({ layer, group }))))
}

function pathOf({ group }: GroupAt): string {
  return group.path
}

function sumOf({ group: { members, bytes } }: GroupAt): Pick<PathChange, 'members' | 'bytes' | 'differing'> {
  return { members, bytes, differing: [] }
}

function byKey(groups: Iterable<GroupAt>, key: (at: GroupAt) => string): Map<string, GroupAt[]> {
  const places = new Map<string, GroupAt[]>()
  for (const at of groups) push(places, key(at), at)
  return places
}

function push<K, T>(lists: Map<K, T[]>, key: K, item: T): void {
  const list = lists.get(key)
  if (list === undefined) lists.set(key, [item])
  else list.push(item)
}
