/**
 * Compares two images from the top: equal image IDs end it; of layers only those are read that one image has alone, first
 * for the digests of their store paths and directories, then for the members of those that differ.
 */
import { pathsOfComment } from '../closure/previous.js'
import { ImageError } from '../errors.js'
import { parseJson } from '../python/parse-json.js'
import { normalisePath } from '../python/paths.js'
import { findCauses } from './causes.js'
import { compareConfigs, type HistoryPairs, isReordered } from './config.js'
import { costsOf } from './costs.js'
import { FirstByte } from './first-byte.js'
import { compareOrder, type LayerOrder } from './layer-order.js'
import { pairLayers } from './layer-pairs.js'
import { MemberComparison } from './member-pass.js'
import { type ComparedPaths, comparePaths } from './paths.js'
import type { ImageDiff, LayerAt, LayerChange, PathChange, ValueChange } from './result.js'
import type { ReadLayer, Side } from './side.js'
import { Tally } from './tally.js'

type Layers = Map<number, ReadLayer>

/** @throws ImageError of layers that cannot be read, or are not what their image says */
export async function compare(from: Side, to: Side, names: ImageDiff['names']): Promise<ImageDiff> {
  const sides = { from: sideOf(from), to: sideOf(to) }
  const order = compareOrder(from.diffIds, to.diffIds)
  const isSame = sides.from.imageId === sides.to.imageId
  if (isSame)
    return {
      equal: names.removed.length + names.added.length === 0,
      ...sides,
      ...{ names, config: [], layers: [], everywhere: [], unlisted: 0 },
      costs: costsOf(from.costs, to.costs),
    }
  const [before, after] = await Promise.all([readAll(from, order.removed), readAll(to, order.added)])
  const pairs = pairLayers(groupsOf(before), groupsOf(after))
  const paths = comparePaths(groupsOf(before), groupsOf(after), pairs)
  const tally = new Tally()
  await new MemberComparison(from, to, { before, after }, tally).run(paths.pairs)
  const read = { before, after, pairs, paths }
  const layers = await layerChanges(from, to, order, read)
  tally.settle(layers)
  for (const layer of layers) layer.paths = layer.paths.filter(hasMore)
  findCauses(layers)
  const config = configChanges(from, to, order, read)
  const diff: ImageDiff = {
    equal: false,
    ...sides,
    ...{ names, config, layers },
    everywhere: tally.everywhere.map((change) => ({ ...change, ...causeOf(change, config) })),
    unlisted: tally.unlisted,
    costs: costsOf(from.costs, to.costs),
  }
  if (config.length + layers.length === 0) diff.config.push({ key: '', what: 'bytes' })
  return diff
}

function sideOf({ name, config }: Side): ImageDiff['from'] {
  return { name, imageId: config.descriptor.digest }
}

/** Equal layers are read once. */
async function readAll(side: Side, indexes: readonly number[]): Promise<Layers> {
  const reading = new Map<string, Promise<ReadLayer>>()
  const read = (index: number): Promise<ReadLayer> => {
    const digest = side.diffIds[index]!
    const known = reading.get(digest) ?? side.read(index)
    reading.set(digest, known)
    return known
  }
  return new Map(await Promise.all(indexes.map(async (index) => [index, await read(index)] as const)))
}

function groupsOf(layers: Layers): Map<number, ReadLayer['groups']> {
  return new Map([...layers].map(([index, { groups }]) => [index, groups]))
}

interface Read {
  before: Layers
  after: Layers
  pairs: readonly [number, number][]
  paths: ComparedPaths
}

/** In the order of the second image; what was removed comes where it was. */
async function layerChanges(from: Side, to: Side, order: LayerOrder, read: Read): Promise<LayerChange[]> {
  const { before, after, pairs, paths } = read
  const at = (side: Side, index: number): LayerAt => ({ number: index + 1, diffId: side.diffIds[index]! })
  const changes: { place: number; change: LayerChange }[] = []
  for (const [i, j] of order.moved)
    changes.push({ place: j, change: { change: 'moved', from: at(from, i), to: at(to, j), paths: [] } })
  const bytes = new FirstByte()
  for (const [i, j] of pairs) {
    const found = [...(paths.removed.get(i) ?? []), ...(paths.added.get(j) ?? [])]
    const change: LayerChange = { change: 'changed', from: at(from, i), to: at(to, j), paths: byPath(found) }
    const [a, b] = [before.get(i)!, after.get(j)!]
    if (isReordered(...pathsInOrder(a, b, found))) change.isReordered = true
    Object.assign(change, unreadable(a, b))
    const isTold = found.length > 0 || change.isReordered || change.unreadable || paths.left.has(i)
    if (!isTold) {
      const whole = (side: Side, layer: number, { size }: ReadLayer) => ({
        ...{ side, layer, archive: size, offset: 0, size },
      })
      const offset = await bytes.find(whole(from, i, a), whole(to, j, b))
      const where = offset! >= Math.min(a.end, b.end) ? 'behind the last member' : 'between members'
      change.differsAt = { offset: offset!, where }
    }
    changes.push({ place: j, change })
  }
  const [pairedFrom, pairedTo] = [new Set(pairs.map(([i]) => i)), new Set(pairs.map(([, j]) => j))]
  for (const j of order.added.filter((j) => !pairedTo.has(j)))
    changes.push({
      place: j,
      change: {
        ...{ change: 'new', to: at(to, j), paths: byPath(paths.added.get(j) ?? []) },
        ...unreadable(undefined, after.get(j)),
      },
    })
  for (const i of order.removed.filter((i) => !pairedFrom.has(i)))
    changes.push({
      place: i - 0.5,
      change: {
        ...{ change: 'removed', from: at(from, i), paths: byPath(paths.removed.get(i) ?? []) },
        ...unreadable(before.get(i), undefined),
      },
    })
  return changes.sort((a, b) => a.place - b.place).map(({ change }) => change)
}

/** Why what is listed of a layer is not all. */
function unreadable(from: ReadLayer | undefined, to: ReadLayer | undefined): { unreadable?: string } {
  if (from?.problem !== undefined) return { unreadable: `from: ${from.problem}` }
  return to?.problem === undefined ? {} : { unreadable: `to: ${to.problem}` }
}

/** Paths of a layer on both sides, those that were replaced under their old names. */
function pathsInOrder(a: ReadLayer, b: ReadLayer, changes: readonly PathChange[]): [string[], string[]] {
  const before = new Map(
    changes.flatMap(({ change, from, to }) => (change === 'replaced' ? [[to!, from!] as const] : [])),
  )
  return [a.groups.map(({ path }) => path), b.groups.map(({ path }) => before.get(path) ?? path)]
}

function byPath(changes: readonly PathChange[]): PathChange[] {
  const key = ({ from, to }: PathChange): string => (to ?? from!).replace(/\/[0-9a-z]{32}-/, '/')
  return changes.toSorted((a, b) => (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0))
}

/** Whether there is anything to tell of a path that is not told for all. */
function hasMore({ change, differing, mentions, isReordered, isTooLarge }: PathChange): boolean {
  if (change !== 'changed') return true
  return differing.length > 0 || mentions !== undefined || isReordered === true || isTooLarge === true
}

function configChanges(
  from: Side,
  to: Side,
  order: LayerOrder,
  { pairs, before, after }: Read,
): ValueChange[] {
  const isChanged = new Set(pairs)
  const history: HistoryPairs = {
    pairs: [...order.same, ...order.moved, ...pairs].sort(([, a], [, b]) => a - b),
    layers: [from.diffIds.length, to.diffIds.length],
    isExplained: (pair, a, b) =>
      isChanged.has(pair as [number, number]) &&
      lists(a, before.get(pair[0])!) &&
      lists(b, after.get(pair[1])!),
  }
  const [a, b] = [from, to].map(({ name, config }) => parse(name, config.bytes))
  return compareConfigs(a!, b!, history)
}

/** Whether a comment lists the paths that a layer has. */
function lists(comment: string, { groups }: ReadLayer): boolean {
  const listed = new Set(pathsOfComment(comment).map(normalisePath))
  const found = groups.filter(({ path }) => path !== '/')
  return listed.size === found.length && found.every(({ path }) => listed.has(path))
}

function parse(name: string, bytes: Buffer): ReturnType<typeof parseJson> {
  try {
    return parseJson(bytes.toString())
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new ImageError(
      'IMAGE_INVALID',
      `${name}: expected an image config, found other content: ${reason}`,
      {
        cause,
      },
    )
  }
}

/** Members have the time that the image has. */
function causeOf(
  { field, from, to }: { field: string; from: unknown; to: unknown },
  config: readonly ValueChange[],
): { cause?: string } {
  const created = config.find(({ key }) => key === 'created')
  const seconds = (value: unknown): number => Math.floor(Date.parse(String(value)) / 1000)
  const isCause = field === 'mtime' && created && seconds(created.from) === from && seconds(created.to) === to
  return isCause ? { cause: 'created' } : {}
}
