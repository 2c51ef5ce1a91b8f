/** A docker-archive with all its images, for who checks it: what is wrong is told, not thrown. */
import { ImageError } from '../errors.js'
import type { FileRange } from '../model/recipe.js'
import type { Json } from '../python/json.js'
import { type ArchiveTask, indexArchive } from './archive-index.js'
import { type BaseLayer, document, imageOf, isLayout, isLayoutOnly, manifestOf } from './base.js'

export interface ArchivedImage {
  names: string[]
  configName: string
  config: Uint8Array
  /** With their names in manifest.json. */
  layers: (BaseLayer & { name: string })[]
}

export interface WholeArchive {
  file: Omit<FileRange, 'range'>
  images: ArchivedImage[]
  /** `NAME:TAG` of the older list of images, where there is one. */
  repositories?: string[]
  /** Whether it is an image layout, too. */
  isLayout: boolean
  problems: string[]
}

/** More than any archive has. */
const MAX_IMAGES = 10_000

/** @throws ImageError IMAGE_INVALID for what is no archive, or has no list of images */
export async function openArchive(task: ArchiveTask): Promise<WholeArchive> {
  const index = await indexArchive(task)
  const { file, members } = index
  const problems: string[] = []
  const attempt = <T>(what: string, find: () => T): T[] => {
    try {
      return [find()]
    } catch (error) {
      if (!(error instanceof ImageError)) throw error
      problems.push(`${what}: ${error.message}`)
      return []
    }
  }
  const isNoList = isLayoutOnly(index)
  const elements = isNoList ? [] : manifestOf(index)
  if (elements.length === 0 && !isNoList)
    problems.push('manifest.json: expected a list of images, found none')
  if (elements.length > MAX_IMAGES)
    problems.push(`manifest.json: expected at most ${MAX_IMAGES} images, found ${elements.length}`)
  const images = elements.slice(0, MAX_IMAGES).flatMap((element, i) =>
    attempt(`image ${i + 1}`, () => {
      const { layers, layerNames, ...image } = imageOf(index, element)
      return { ...image, layers: layers.map((layer, k) => ({ ...layer, name: layerNames[k]! })) }
    }),
  )
  for (const name of new Set(['manifest.json', 'repositories', ...images.map((it) => it.configName)]))
    if (members.countOf(name) > 1)
      problems.push(`${name}: expected it once, found it ${members.countOf(name)} times`)
  const old =
    members.get('repositories') === undefined
      ? []
      : attempt('repositories', () => namesOf(document(index, 'repositories').value))
  return {
    file,
    images,
    ...(old[0] === undefined ? {} : { repositories: old[0] }),
    isLayout: isLayout(index),
    problems,
  }
}

/** Name, tag, layer (Docker image specification v1). */
function namesOf(repositories: Json): string[] {
  if (!(repositories instanceof Map))
    throw new ImageError('IMAGE_INVALID', 'expected names of images, found something else')
  return [...repositories].flatMap(([name, tags]) =>
    tags instanceof Map ? [...tags.keys()].map((tag) => `${name}:${tag}`) : [],
  )
}
