/** The facts of an image as what its explorer shows: names are made printable, and numbers have bounds. */
import type { DirectoryFacts, ImageFacts, LayerFacts, PathFacts } from '../inspection/facts.js'
import { printable } from '../report/log.js'
import type {
  DirectoryData,
  ExplorerData,
  LayerData,
  ReferencesData,
  RepeatedData,
  ThingData,
} from './data.js'

/** A page with more than that is slow; of larger images the largest things are listed. */
const MAX_THINGS = 20_000
const MAX_DIRECTORIES = 4000

export type References = ReadonlyMap<string, readonly string[]> | { missing: string }

export function imageData(facts: ImageFacts, references: References): Omit<ExplorerData, 'timeline'> {
  const { layers, storeDir, shared = [], repeatedFiles = [] } = facts
  const paths = [...new Set(layers.flatMap(({ storePaths }) => storePaths.map(({ path }) => path)))]
  const places = new Map(paths.map((path, i) => [path, i]))
  const isListed = largest(layers)
  return {
    image: printable(facts.image),
    about: about(facts),
    storeDir: printable(storeDir),
    paths: paths.map((path) => printable(path.slice(storeDir.length + 1))),
    layers: layers.map((layer) => layerData(layer, places, isListed)),
    repeated: repeated(layers, places),
    files: repeatedFiles.map(({ size, count, places: at }) => ({
      ...{ size, count },
      places: at.map(({ layer, path }) => [layer, printable(path)] as const),
    })),
    isRead: layers.every(({ source, size }) => source.kind !== 'store' && size !== undefined),
    others: shared.map(({ image, of, numbers }) => ({ image: printable(image), of, shared: numbers })),
    references: 'missing' in references ? references : referencesData(references, paths, places),
  }
}

function about({ names, platform, imageId, manifest, created, config }: ImageFacts): [string, string][] {
  const { os, architecture, variant } = platform
  const rows: [string, string | undefined][] = [
    ['names', names.join(', ')],
    ['platform', [os, architecture, variant].filter((part) => part !== undefined).join('/')],
    ['image ID', imageId],
    ['manifest', manifest?.digest],
    ['created', created],
    ['runs', commandOf(config)],
  ]
  return rows.flatMap(([name, value]) => (value ? [[name, printable(value)]] : []))
}

function commandOf(config: unknown): string {
  if (typeof config !== 'object' || config === null) return ''
  const { Entrypoint, Cmd } = config as Record<string, unknown>
  return [Entrypoint, Cmd].flatMap((words) => (Array.isArray(words) ? words.map(String) : [])).join(' ')
}

interface Listed {
  thing(thing: PathFacts): boolean
  directory(directory: DirectoryFacts): boolean
}

/** What is listed: all of a usual image. */
function largest(layers: readonly LayerFacts[]): Listed {
  const things = layers.flatMap(({ storePaths, others }) => [...storePaths, ...others])
  const listed = most(things, MAX_THINGS)
  const directories = most(
    things.flatMap(({ directories = [] }) => directories),
    MAX_DIRECTORIES,
  )
  return { thing: (thing) => listed.has(thing), directory: (directory) => directories.has(directory) }
}

/** Of equal ones those that come first, so that a directory stays with those above it. */
function most<T extends { bytes?: number }>(all: readonly T[], count: number): ReadonlySet<T> {
  if (all.length <= count) return new Set(all)
  return new Set([...all].sort((a, b) => (b.bytes ?? 0) - (a.bytes ?? 0)).slice(0, count))
}

function layerData(layer: LayerFacts, places: ReadonlyMap<string, number>, isListed: Listed): LayerData {
  const { diffId, size, blob, history, problem } = layer
  const all = [...layer.storePaths, ...layer.others.filter(({ path, bytes }) => path !== '/' || bytes !== 0)]
  const listed = all.filter(isListed.thing)
  const left = all.filter((thing) => !isListed.thing(thing))
  const by = history?.createdBy
  return {
    diffId,
    ...(size === undefined ? {} : { size }),
    ...(blob === undefined ? {} : { blob: blob.size }),
    ...(by === undefined ? {} : { by: printable(by) }),
    ...(problem === undefined ? {} : { problem: printable(problem) }),
    things: listed.map(({ path, bytes = null, members = null, directories = [] }): ThingData => {
      const tree = treeOf(directories.filter(isListed.directory))
      const name = places.get(path) ?? printable(path)
      return tree.length === 0 ? [name, bytes, members] : [name, bytes, members, tree]
    }),
    ...(left.length === 0
      ? {}
      : { more: [left.length, left.reduce((sum, { bytes = 0 }) => sum + bytes, 0)] as const }),
  }
}

interface Branch {
  name: string
  bytes: number
  members: number
  below: Branch[]
}

/** @param directories each behind those above it */
function treeOf(directories: readonly DirectoryFacts[]): DirectoryData[] {
  const byPath = new Map<string, Branch>()
  const top: Branch[] = []
  for (const { path, bytes, members } of directories) {
    const slash = path.lastIndexOf('/')
    const above = slash < 0 ? undefined : byPath.get(path.slice(0, slash))
    const name = above === undefined ? path : path.slice(slash + 1)
    const branch = { name: printable(name), bytes, members, below: [] }
    byPath.set(path, branch)
    const siblings = above?.below ?? top
    siblings.push(branch)
  }
  return top.map(data)
}

function data({ name, bytes, members, below }: Branch): DirectoryData {
  return below.length === 0 ? [name, bytes, members] : [name, bytes, members, below.map(data)]
}

function repeated(layers: readonly LayerFacts[], places: ReadonlyMap<string, number>): RepeatedData[] {
  const holders = new Map<string, { number: number; thing: PathFacts }[]>()
  for (const { number, storePaths } of layers) {
    for (const thing of storePaths) {
      const found = holders.get(thing.path)
      if (found === undefined) holders.set(thing.path, [{ number, thing }])
      else found.push({ number, thing })
    }
  }
  return [...holders]
    .filter(([, found]) => found.length > 1)
    .map(([path, found]) => ({
      path: places.get(path)!,
      layers: found.map(({ number }) => number),
      bytes: found[0]!.thing.bytes ?? null,
      isEqual: areEqual(found.map(({ thing }) => thing)),
    }))
    .sort((a, b) => (b.bytes ?? 0) - (a.bytes ?? 0))
}

function areEqual(things: readonly PathFacts[]): boolean | null {
  const digests = things.map(({ digest }) => digest)
  const sizes = new Set(things.map(({ bytes }) => bytes))
  if (sizes.size > 1) return false
  return digests.includes(undefined) ? null : new Set(digests).size === 1
}

function referencesData(
  references: ReadonlyMap<string, readonly string[]>,
  paths: readonly string[],
  places: ReadonlyMap<string, number>,
): ReferencesData {
  const of = paths.map((path) => {
    const found = references.get(path)
    return found?.flatMap((reference) => places.get(reference) ?? []) ?? null
  })
  return { of }
}
