/** The image that a configuration describes: a base's layers, its lists of store paths, the customisation layer. */

import { diffIdKey, narKey, planKey } from '../cache/layer-keys.js'
import type { NarHashes } from '../cache/nar-hashes.js'
import { envOf, overlayEnv } from '../documents/env.js'
import { imageJson } from '../documents/image-json.js'
import { historyPaths, nameOf } from '../documents/layer-names.js'
import { handled, ImageError } from '../errors.js'
import type { Emit } from '../model/events.js'
import type { Image } from '../model/image.js'
import type { Layer, LayerSource, Plan, Summed } from '../model/layer.js'
import type { Owner } from '../model/owner.js'
import type { Workshop } from '../pool/workshop.js'
import { pythonListRepr } from '../python/repr.js'
import type { Conf } from '../spec/conf.js'
import { once } from './once.js'

/** What a configuration's image is made with. */
interface ConfContext {
  workshop: Workshop
  emit: Emit
  /** The store's NAR hashes, where keys of layers are wanted. */
  narHashes: Promise<NarHashes | undefined>
  /** What the image is called. */
  names: readonly string[]
  /** Opens the image that `from_image` names. */
  openBase(name: string): Promise<Image>
}

export interface ConfImage {
  /** The layers that are known before the base is opened. */
  own: readonly Layer[]
  whole: Promise<Image>
}

/** @throws ImageError STORE_PATH_INVALID when a store path is not in the configuration's store directory */
export function openConf(conf: Conf, context: ConfContext): ConfImage {
  const outside = conf.storeLayers.flat().filter((path) => !path.startsWith(conf.storeDir))
  if (outside.length > 0)
    throw new ImageError(
      'STORE_PATH_INVALID',
      `expected paths in ${conf.storeDir}, found ${pythonListRepr(outside)}`,
    )
  const half = conf.storeLayers.flat().length / 2
  // In layers as nixpkgs makes them the last one has all that is left.
  const isMost = ({ length }: readonly string[]): boolean => length >= MANY && length > half
  const own = [
    ...conf.storeLayers.map((paths) => storeLayer(paths, conf, context, isMost(paths))),
    customisationLayer(conf, context.workshop),
  ]
  return { own, whole: handled(onBase(conf, own, context)) }
}

/** Paths from which a layer is worth a thread of its own from the start. */
const MANY = 32

async function onBase(
  conf: Conf,
  own: readonly Layer[],
  { emit, openBase, names }: ConfContext,
): Promise<Image> {
  const base = conf.fromImage === null ? undefined : await openBase(conf.fromImage).catch(asBaseError)
  if (base === undefined) emit({ type: 'no-base' })
  const layers = [...(base?.layers ?? []).map(asBase), ...own]
  const config =
    base === undefined ? conf.config : overlayEnv(conf.config, envOf(base.config([]).bytes, conf.fromImage!))
  const { created, architecture, mtime } = conf
  return {
    layers,
    names,
    mtime,
    configuration: conf.digest,
    config: (diffIds) => {
      const described = layers.map(({ source }, i) => ({
        diffId: diffIds[i]!,
        historyPaths: historyPaths(source),
      }))
      return imageJson({ created, architecture, config, layers: described })
    },
  }
}

function asBaseError(error: unknown): never {
  if (!(error instanceof ImageError && error.code === 'IMAGE_INVALID')) throw error
  throw new ImageError('BASE_INVALID', `base image ${error.message}`, { hint: error.hint, cause: error })
}

function asBase(layer: Layer): Layer {
  const { source } = layer
  return source.kind === 'image' ? { ...layer, source: { ...source, kind: 'base' } } : layer
}

function storeLayer(
  paths: readonly string[],
  conf: Conf,
  { workshop, narHashes }: ConfContext,
  isLong: boolean,
): Layer {
  const { mtime, uid, gid, uname, gname } = conf
  const owner: Owner = { mtime, uid, gid, uname, gname }
  const source: LayerSource = { kind: 'store', paths }
  const planned = once(() => workshop.plan({ paths, owner }, nameOf(source)))
  let isPlanned = false
  const plan = once(async (): Promise<Plan> => {
    isPlanned = true
    const { plan, size, fresh } = await planned()
    return { recipe: { kind: 'store', plan, owner }, size, diffId: undefined, claimed: false, fresh }
  })
  const read = async (nar: boolean, keeps: boolean): Promise<Summed> => {
    const known = isPlanned ? await planned() : undefined
    const task = { paths, owner, nar, planned: known }
    const summed = await workshop.checksum(task, nameOf(source), { keeps, isLong })
    const { plan, size, fresh, diffId, narHashes, kept } = summed
    return { recipe: { kind: 'store', plan, owner }, size, diffId, claimed: false, fresh, narHashes, kept }
  }
  let reading: Promise<Summed> | undefined
  const checksum = (nar: boolean, keeps = false): Promise<Summed> => {
    reading ??= handled(read(nar, keeps))
    return reading
  }
  const key = once(async () => {
    const hashes = await narHashes
    const portable = hashes && narKey(paths, hashes, owner)
    if (portable !== undefined) return portable
    isPlanned = true
    const { plan, fresh } = await planned()
    // Of fresh files equal plans do not mean equal contents.
    return fresh ? undefined : planKey(plan, owner)
  })
  return { source, key, plan, recipe: async () => (await plan()).recipe, checksum }
}

function customisationLayer(conf: Conf, workshop: Workshop): Layer {
  const directory = conf.customisationLayer
  const source: LayerSource = { kind: 'customisation', directory }
  const open = once(async (): Promise<Summed> => {
    const { recipe, diffId, size, member } = await workshop.openCustomisation(directory, nameOf(source))
    return {
      recipe,
      size,
      diffId,
      claimed: false,
      fresh: false,
      member: { ...member, name: '', mtime: conf.mtime },
    }
  })
  return {
    source,
    key: async () => diffIdKey((await open()).diffId),
    plan: open,
    recipe: async () => (await open()).recipe,
    checksum: open,
  }
}
