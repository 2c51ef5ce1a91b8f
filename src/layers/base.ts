/**
 * A base image's archive as docker, podman, skopeo and nixpkgs write it (Docker image specification v1.2):
 * `manifest.json` names the image config and the layers, each a member of the archive.
 */
import { ImageError } from '../errors.js'
import { type Digest, fromHex, isDigest } from '../model/digest.js'
import { MAX_LAYERS } from '../model/image.js'
import type { Member } from '../model/member.js'
import type { FileRange, Range } from '../model/recipe.js'
import type { Json } from '../python/json.js'
import { parseJson } from '../python/parse-json.js'
import { trimSlashes } from '../python/paths.js'
import { type ArchiveIndex, type ArchiveTask, indexArchive } from './archive-index.js'
import { findLayer, type Resolved } from './base-layers.js'
import { shorten } from './member-table.js'

export interface BaseLayer {
  /** As a docker-archive holds it. It may be a link, which has no data of its own: then `size` is 0. */
  member: Member
  /** Where its data lies in the uncompressed archive: behind its own member, or behind the one that its link leads to. */
  range: Range
  /** As the image config claims. */
  diffId: Digest
}

export interface BaseImage {
  /** The archive, or a plain copy of it; its layers are ranges of it. */
  file: Omit<FileRange, 'range'>
  layers: BaseLayer[]
  /** The image config, byte for byte. */
  config: Uint8Array
  /** `NAME:TAG` */
  names: string[]
  /** Of its manifest, in whole seconds since the epoch. */
  mtime: number
  /**
   * Whether it has to be read as an image layout: it is nothing else, and nothing of it is here, or its layers are packed,
   * as containerd and Docker with containerd's store save them, and only the layout tells how.
   */
  needsLayout: boolean
}

/** Of a document of a base. Those of real images have hundreds; this many take less than 50 MB. */
const MAX_VALUES = 250_000

/** @throws ImageError IMAGE_INVALID naming the archive and what in it is not as expected */
export async function openBase(task: ArchiveTask): Promise<BaseImage> {
  const index = await indexArchive(task)
  const { file, members } = index
  if (isLayoutOnly(index))
    return { file, layers: [], config: new Uint8Array(), names: [], mtime: 0, needsLayout: true }
  const { names, layers, config } = imageOf(index, manifestOf(index)[0])
  const mtime = Math.trunc(members.get('manifest.json')!.mtime)
  return { file, layers, config, names, mtime, needsLayout: isLayout(index) && layers.some(isPacked) }
}

/** Whether it is an image layout, too, as Docker writes it from version 25 on. */
export function isLayout({ members }: ArchiveIndex): boolean {
  return members.countOf('index.json') > 0
}

/** Whether it is an image layout, and nothing else. */
export function isLayoutOnly(index: ArchiveIndex): boolean {
  return isLayout(index) && index.members.get('manifest.json') === undefined
}

/** Whether it is called by the digest of something else than its archive. */
function isPacked({ member, diffId }: BaseLayer): boolean {
  const [, hex] = /^blobs\/sha256\/([0-9a-f]{64})$/.exec(member.name) ?? []
  return hex !== undefined && fromHex(hex) !== diffId
}

/** The images that manifest.json lists. @throws ImageError IMAGE_INVALID */
export function manifestOf(index: ArchiveIndex): Json[] {
  const { value } = document(index, 'manifest.json')
  return Array.isArray(value) ? value : []
}

/** @param element of manifest.json @throws ImageError IMAGE_INVALID */
export function imageOf(
  index: ArchiveIndex,
  element: Json | undefined,
): Pick<BaseImage, 'layers' | 'config' | 'names'> & { configName: string; layerNames: string[] } {
  const { path } = index
  const configName = get(element, 'Config')
  const layerNames = get(element, 'Layers')
  if (typeof configName !== 'string' || !isTexts(layerNames)) {
    throw invalid(
      path,
      'manifest.json: expected "Config", a string, and "Layers", a list of strings, in its first element',
    )
  }
  if (layerNames.length > MAX_LAYERS)
    throw invalid(path, `manifest.json: expected at most ${MAX_LAYERS} layers, found ${layerNames.length}`)
  const { value: image, bytes: config } = document(index, configName)
  const diffIds = get(get(image, 'rootfs'), 'diff_ids')
  if (!isTexts(diffIds))
    throw invalid(path, `${shorten(configName)}: expected "rootfs.diff_ids", a list of strings`)
  if (diffIds.length !== layerNames.length) {
    throw invalid(
      path,
      `expected a diff ID for each layer, found ${diffIds.length} diff_ids for ${layerNames.length} layers`,
    )
  }
  const resolved: Resolved = new Map()
  const layers = layerNames.map((name, i) => ({
    ...attempt(path, () => findLayer(index.members, name, resolved)),
    diffId: attempt(path, () => digestOf(diffIds[i]!)),
  }))
  const tags = get(element, 'RepoTags')
  return { layers, config, configName, layerNames, names: isTexts(tags) ? tags : [] }
}

function digestOf(diffId: string): Digest {
  const digest = diffId.startsWith('sha256:') ? diffId : `sha256:${diffId}`
  if (isDigest(digest)) return digest
  throw new ImageError('IMAGE_INVALID', `expected diff IDs of SHA-256, found "${diffId.slice(0, 80)}"`)
}

export function document(index: ArchiveIndex, name: string): { value: Json; bytes: Buffer } {
  const { path } = index
  const member = index.members.get(trimSlashes(name))
  if (member === undefined) {
    throw invalid(
      path,
      `expected a member "${shorten(name)}", found none`,
      'an image is an archive as docker save, podman save or skopeo write it',
    )
  }
  const body = index.documents.get(member.dataOffset)
  if (body === undefined)
    throw invalid(
      path,
      `${shorten(name)}: expected a JSON document of at most 4 MiB, found ${member.size} bytes of something else`,
    )
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(body)
    return { value: parseJson(text, MAX_VALUES), bytes: body }
  } catch (error) {
    throw invalid(path, `${shorten(name)}: ${error instanceof Error ? error.message : String(error)}`)
  }
}

function get(value: Json | undefined, key: string): Json | undefined {
  return value instanceof Map ? value.get(key) : undefined
}

function isTexts(value: Json | undefined): value is string[] {
  return Array.isArray(value) && value.every((text) => typeof text === 'string')
}

function attempt<T>(path: string, find: () => T): T {
  try {
    return find()
  } catch (error) {
    throw error instanceof ImageError ? invalid(path, error.message, error.hint) : error
  }
}

function invalid(path: string, problem: string, hint?: string): ImageError {
  return new ImageError('IMAGE_INVALID', `${path}: ${problem}`, { hint })
}
