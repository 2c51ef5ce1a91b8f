/** An image by whatever name people have for it: a configuration's, or one as destinations are named. */
import { statSync } from 'node:fs'
import { dirname } from 'node:path'
import type { LayerMemory } from '../cache/layer-memory.js'
import type { NarHashes } from '../cache/nar-hashes.js'
import { nixStoreDir } from '../cache/nix-store.js'
import { layersOfHistory } from '../closure/previous.js'
import type { Emit } from '../model/events.js'
import type { Image } from '../model/image.js'
import type { Workshop } from '../pool/workshop.js'
import type { Conf } from '../spec/conf.js'
import type { ConfImage } from './conf.js'
import { isArchive, openConfFile } from './conf-file.js'

/** What images are opened with. */
export interface OpenContext {
  workshop: Workshop
  memory: LayerMemory
  emit: Emit
  /** Ends all that is under way. */
  signal: AbortSignal
  /** Opens an image that is named as destinations are. @throws ImageError */
  openImage(name: string): Promise<Image>
  /** The Nix store's hashes, where keys of layers can save work. @param wanted whether they can in any case */
  queryNarHashes(paths: readonly string[], wanted?: boolean): Promise<NarHashes | undefined>
}

export interface AnyImage {
  image: Image
  /** The directory of its store paths, as far as can be told. */
  storeDir: string
}

/**
 * Whether a name is a configuration's rather than an image's: it has no transport, and is `-`, ends in `.json`, or names
 * what is there and no archive: a directory, a script, a gzipped configuration.
 * @throws ImageError CONF_UNREADABLE
 */
export async function namesConf(name: string): Promise<boolean> {
  if (/^[a-z][a-z0-9+-]*:/.test(name)) return false
  if (name === '-' || name.endsWith('.json')) return true
  return statSync(name, { throwIfNoEntry: false }) !== undefined && !(await isArchive(name))
}

/** @throws ImageError CONF_INVALID, IMAGE_INVALID, DESTINATION_INVALID, and what opening it fails with */
export async function openAny(name: string, context: OpenContext): Promise<AnyImage> {
  const { emit, signal } = context
  if (!(await namesConf(name))) {
    const image = await context.openImage(name)
    const [first] = layersOfHistory(image.config([]).bytes).flat()
    return { image, storeDir: first === undefined ? nixStoreDir() : dirname(first) }
  }
  const found = (conf: string, where: string): void => emit({ type: 'configuration-found', conf, where })
  const conf = await openConfFile(name, found, signal)
  const { whole } = await openKnownConf(conf, [conf.repoTag], conf.knownLayers ?? [], context)
  return { image: await whole, storeDir: conf.storeDir }
}

/**
 * The image of a configuration; its layers are recalled that layer files tell of.
 * @param names what it is called @param files layer files
 * @throws ImageError LAYER_FILE_INVALID, STORE_PATH_INVALID
 */
export async function openKnownConf(
  conf: Conf,
  names: readonly string[],
  files: readonly string[],
  context: OpenContext,
): Promise<ConfImage> {
  const { workshop, emit, memory } = context
  const narHashes = context.queryNarHashes(conf.storeLayers.flat(), files.length > 0 || undefined)
  if (files.length > 0) {
    const { KnownLayers } = await import('../cache/known-layers.js')
    const warn = (message: string): void => emit({ type: 'warning', message })
    memory.know(new KnownLayers(files, conf.storeLayers, conf, (await narHashes) ?? new Map(), warn))
  }
  const { openConf } = await import('./conf.js')
  return openConf(conf, { workshop, emit, narHashes, names, openBase: context.openImage })
}
