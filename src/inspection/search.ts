/** The store paths of an image, and what in the image itself names them. */
import { type Digest, fromHex } from '../model/digest.js'
import type { Image } from '../model/image.js'
import type { Layer } from '../model/layer.js'
import type { Workshop } from '../pool/workshop.js'
import type { AnyImage } from '../sources/any.js'
import { entriesOfLayers, readConfig } from './config.js'
import { contentsOf, isIn } from './contents.js'
import { LayerReader, type Link } from './layer-reader.js'
import { rootsOf } from './roots.js'

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
  { workshop, deep }: { workshop: Workshop; deep: boolean },
): Promise<Searched> {
  const { config, history } = readConfig(configOf(image), name)
  const entries = entriesOfLayers(history, image.layers.length)
  const reader = new LayerReader(workshop, storeDir)
  const isStorePath = isIn(storeDir)
  const looked = await Promise.all(
    image.layers.map(async (layer, i) => {
      const planOf = () => layer.plan()
      const context = { reader, deep, planOf }
      const { groups } = await contentsOf(layer, await claimedOf(layer), entries[i], context)
      const directories = groups.filter((group) => !isStorePath(group) && group.members !== undefined)
      const names = directories.map(({ path }) => path)
      const links: Link[] =
        layer.source.kind === 'store' || names.length === 0 ? [] : await reader.links(layer, names)
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
  const links = looked.flatMap((layer) => layer.links)
  return { paths, roots: rootsOf(config, links, storeDir) }
}

/** The diff ID that a layer is said to have, which it is compared with when it is read. */
async function claimedOf(layer: Layer): Promise<Digest> {
  if (layer.source.kind === 'store') return UNKNOWN
  return layer.stored?.diffId ?? (await layer.plan()).diffId ?? UNKNOWN
}

/** In place of a diff ID that nothing is asked of. */
const UNKNOWN = fromHex('0'.repeat(64))

function configOf(image: Image): Buffer {
  return image.config(image.layers.map(() => UNKNOWN)).bytes
}
