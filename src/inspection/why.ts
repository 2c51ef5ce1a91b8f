/** What a store path is in an image for. */
import type { Closure } from '../closure/closure.js'
import { ImageError } from '../errors.js'
import { fromHex } from '../model/digest.js'
import type { Image } from '../model/image.js'
import type { AnyImage } from '../sources/any.js'
import { chainsTo, onlyThrough, referrersOf } from './chains.js'
import { entriesOfLayers, readConfig } from './config.js'
import { contentsOf, isIn } from './contents.js'
import type { InspectContext } from './inspect.js'
import { LayerReader } from './layer-reader.js'
import { rootsOf } from './roots.js'

export interface WhyFacts {
  /** As it was asked for, without secrets. */
  image: string
  path: string
  /** Of its files, in bytes. */
  bytes: number
  /** The layers that it is in, from 1, the lowest. */
  layers: readonly number[]
  /** The shortest first, bounded in number. */
  chains: readonly Chain[]
  /** What would be of no use without it, it first. */
  only: readonly SizedPath[]
  /** Of all of those. */
  onlyBytes: number
}

/** From something that the image needs to the path, each referring to the next. */
export interface Chain {
  /** What the first path is there for: `Cmd`, `Env PATH`, `/bin/app`; nothing where no path refers to it. */
  reasons: readonly string[]
  paths: readonly string[]
}

export interface SizedPath {
  path: string
  bytes: number
}

/** The most chains that are shown. */
const MOST_CHAINS = 10

/** The store paths of an image, each with its bytes where they are known, and its layers. */
export type ImagePaths = ReadonlyMap<string, { bytes: number | undefined; layers: number[] }>

export interface Searched {
  paths: ImagePaths
  /** Reasons by the store path that they name. */
  roots: ReadonlyMap<string, readonly string[]>
}

/** Finds the store paths of an image, and which of them it names. @throws ImageError of its layers */
export async function search(
  name: string,
  { image, storeDir }: AnyImage,
  { workshop, deep }: Pick<InspectContext, 'workshop' | 'deep'>,
): Promise<Searched> {
  const { config, history } = readConfig(configOf(image), name)
  const entries = entriesOfLayers(history, image.layers.length)
  const reader = new LayerReader(workshop, storeDir)
  const isStorePath = isIn(storeDir)
  const looked = await Promise.all(
    image.layers.map(async (layer, i) => {
      const claimed =
        layer.stored?.diffId ?? (layer.source.kind === 'store' ? UNKNOWN : (await layer.plan()).diffId)
      const planOf = () => layer.plan()
      const { groups } = await contentsOf(layer, claimed!, entries[i], { reader, deep, planOf })
      const directories = groups.filter((group) => !isStorePath(group) && group.members !== undefined)
      const links =
        layer.source.kind === 'store' || directories.length === 0
          ? []
          : await reader.links(
              layer,
              directories.map(({ path }) => path),
            )
      return { groups: groups.filter(isStorePath), links }
    }),
  )
  const paths = new Map<string, { bytes: number | undefined; layers: number[] }>()
  for (const [i, { groups }] of looked.entries())
    for (const { path, bytes } of groups) {
      const before = paths.get(path)
      if (before === undefined) paths.set(path, { bytes, layers: [i + 1] })
      else before.layers.push(i + 1)
    }
  return {
    paths,
    roots: rootsOf(
      config,
      looked.flatMap(({ links }) => links),
      storeDir,
    ),
  }
}

/** In place of a diff ID that nothing is asked of. */
const UNKNOWN = fromHex('0'.repeat(64))

function configOf(image: Image): Buffer {
  return image.config(image.layers.map(() => UNKNOWN)).bytes
}

/**
 * @param closure of the image's paths @param path one of them
 * @throws ImageError STORE_PATH_INVALID for references in a circle
 */
export function why(name: string, path: string, { paths, roots }: Searched, whole: Closure): WhyFacts {
  const closure = within(whole, paths)
  const bytesOf = (it: string): number => paths.get(it)!.bytes ?? closure.get(it)!.size
  const unreferenced = [...referrersOf(closure)].flatMap(([it, by]) => (by.length === 0 ? [it] : []))
  const starts = new Set([...[...roots.keys()].filter((root) => closure.has(root)), ...unreferenced])
  const only = onlyThrough(path, closure, starts).map((it) => ({ path: it, bytes: bytesOf(it) }))
  return {
    image: name,
    path,
    bytes: bytesOf(path),
    layers: paths.get(path)!.layers,
    chains: chainsTo(path, closure, starts, MOST_CHAINS).map((chain) => ({
      reasons: roots.get(chain[0]!) ?? [],
      paths: chain,
    })),
    only,
    onlyBytes: only.reduce((sum, { bytes }) => sum + bytes, 0),
  }
}

/** What of a closure is in the image, with the references among that. */
function within(closure: Closure, paths: ImagePaths): Closure {
  const here = [...closure.values()].filter(({ path }) => paths.has(path))
  return new Map(
    here.map((it) => [it.path, { ...it, references: it.references.filter((one) => paths.has(one)) }]),
  )
}

/** How many paths an error names. */
const MOST_NAMES = 8

/**
 * The path of an image that is meant.
 * @param asked a store path, something in one, or a part of its name
 * @throws ImageError STORE_PATH_INVALID when there is none, or several
 */
export function pathMeant(name: string, asked: string, paths: ImagePaths, storeDir: string): string {
  if (asked.startsWith(`${storeDir}/`)) {
    const path = `${storeDir}/${asked.slice(storeDir.length + 1).split('/', 1)[0]}`
    if (paths.has(path)) return path
    throw new ImageError('STORE_PATH_INVALID', `${name}: expected ${path}, found nothing of it`)
  }
  const nameOf = (path: string): string => path.slice(storeDir.length + 1)
  const matches = [...paths.keys()].filter((path) => nameOf(path).includes(asked))
  // The whole of a name says more than a part of others.
  const exact = matches.filter((path) => nameOf(path).replace(/^[^-]*-/, '') === asked)
  const meant = exact.length > 0 ? exact : matches
  if (meant.length === 1) return meant[0]!
  if (meant.length === 0)
    throw new ImageError(
      'STORE_PATH_INVALID',
      `${name}: expected a store path with "${asked}" in its name, found none among ${paths.size}`,
      { hint: `stream-layered-image inspect ${name} shows them` },
    )
  const more = meant.length > MOST_NAMES ? ` and ${meant.length - MOST_NAMES} more` : ''
  throw new ImageError(
    'STORE_PATH_INVALID',
    `${name}: expected one store path with "${asked}" in its name, found ${meant.slice(0, MOST_NAMES).join(' ')}${more}`,
    { hint: 'name one of them' },
  )
}
