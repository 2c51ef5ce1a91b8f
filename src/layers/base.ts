/**
 * A base image's archive as docker, podman, skopeo and nixpkgs write it (Docker image specification v1.2):
 * `manifest.json` names the image config and the layers, each a member of the archive.
 */
import { posix } from 'node:path'
import { ImageError } from '../errors.js'
import type { Json } from '../python/json.js'
import { parseJson } from '../python/parse-json.js'
import { type Member, TYPE } from '../tar/header.js'
import { type ArchiveIndex, type IndexedMember, indexArchive } from './archive-index.js'
import type { Compression } from './decompress.js'
import type { Fingerprint } from './fingerprint.js'

export interface BaseLayer {
  member: Member
  /** Where the layer's data starts in the uncompressed archive, in bytes. */
  dataOffset: number
  /** In hex, as the base's image config has it. */
  diffId: string
}

export interface BaseImage {
  path: string
  compression: Compression
  fingerprint: Fingerprint
  layers: BaseLayer[]
  /** `NAME=value` entries of its config; none when the config or `Env` is null. */
  env: string[]
}

/** @throws ImageError BASE_INVALID naming the archive and what in it is not as expected */
export async function openBase(task: { path: string }): Promise<BaseImage> {
  const index = await indexArchive(task.path)
  const manifest = document(index, 'manifest.json')
  const first = item(manifest, 0)
  const configName = get(first, 'Config')
  const names = get(first, 'Layers')
  if (typeof configName !== 'string' || !isTexts(names)) {
    throw invalid(
      index,
      'manifest.json: expected "Config", a string, and "Layers", a list of strings, in its first element',
    )
  }
  const image = document(index, configName)
  const diffIds = get(get(image, 'rootfs'), 'diff_ids')
  if (!isTexts(diffIds)) throw invalid(index, `${configName}: expected "rootfs.diff_ids", a list of strings`)
  if (diffIds.length !== names.length) {
    throw invalid(
      index,
      `expected a diff ID for each layer, found ${diffIds.length} diff_ids for ${names.length} layers`,
    )
  }
  const env = get(get(image, 'config'), 'Env') ?? []
  if (!isTexts(env)) throw invalid(index, `${configName}: expected "config.Env" to be a list of strings`)
  const layers = names.map((name, i) => ({
    ...layerMember(index, name),
    diffId: diffIds[i]!.replace(/^sha256:/, ''),
  }))
  return { path: index.path, compression: index.compression, fingerprint: index.fingerprint, layers, env }
}

function layerMember(index: ArchiveIndex, name: string): { member: Member; dataOffset: number } {
  const member = index.members.get(name.replace(/\/+$/, ''))
  if (member === undefined)
    throw invalid(index, `expected the layer "${name}" that manifest.json lists, found no such member`)
  resolveLinks(index, member)
  const { dataOffset, ...plain } = member
  return { member: plain, dataOffset }
}

/** A layer may be a link to another member, whose data is then that layer's. Checks that it leads to a file. */
function resolveLinks(index: ArchiveIndex, layer: IndexedMember): void {
  const seen = new Set<IndexedMember>()
  let member = layer
  while (member.type === TYPE.symlink || member.type === TYPE.link) {
    if (seen.has(member))
      throw invalid(index, `layer "${layer.name}": expected a file, found a loop of links`)
    seen.add(member)
    const target =
      member.type === TYPE.link ? member.linkname : posix.join(posix.dirname(member.name), member.linkname)
    const next = findNormalised(index, posix.normalize(target))
    if (next === undefined)
      throw invalid(
        index,
        `layer "${layer.name}": expected its link target "${target}", found no such member`,
      )
    if (member.size > 0)
      throw invalid(index, `layer "${layer.name}": expected a link without data, found ${member.size} bytes`)
    member = next
  }
  if (['3', '4', '5', '6'].includes(member.type))
    throw invalid(index, `layer "${layer.name}": expected a file, found type "${member.type}"`)
  if (member.type === 'S' || [...(member.pax?.keys() ?? [])].some((key) => key.startsWith('GNU.sparse.'))) {
    throw invalid(
      index,
      `layer "${layer.name}": expected a plain file, found one stored as a GNU sparse file`,
    )
  }
}

function findNormalised(index: ArchiveIndex, name: string): IndexedMember | undefined {
  const direct = index.members.get(name)
  if (direct !== undefined) return direct
  for (const member of index.members.values()) if (posix.normalize(member.name) === name) return member
  return undefined
}

function document(index: ArchiveIndex, name: string): Json {
  const member = index.members.get(name.replace(/\/+$/, ''))
  if (member === undefined) {
    throw invalid(
      index,
      `expected a member "${name}", found none`,
      'the base must be an archive as docker save, podman save or skopeo write it',
    )
  }
  const body = index.documents.get(member.dataOffset)
  if (body === undefined)
    throw invalid(
      index,
      `${name}: expected a JSON document of at most 4 MiB, found ${member.size} bytes of something else`,
    )
  try {
    return parseJson(new TextDecoder('utf-8', { fatal: true }).decode(body))
  } catch (error) {
    throw invalid(index, `${name}: ${error instanceof Error ? error.message : String(error)}`)
  }
}

function get(value: Json | undefined, key: string): Json | undefined {
  return value instanceof Map ? value.get(key) : undefined
}

function item(value: Json, i: number): Json | undefined {
  return Array.isArray(value) ? value[i] : undefined
}

function isTexts(value: Json | undefined): value is string[] {
  return Array.isArray(value) && value.every((text) => typeof text === 'string')
}

function invalid(index: ArchiveIndex, problem: string, hint?: string): ImageError {
  return new ImageError('BASE_INVALID', `base image ${index.path}: ${problem}`, { hint })
}
