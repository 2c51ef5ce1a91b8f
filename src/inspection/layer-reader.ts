/** What is in each layer of an image: equal ones are read once, and all together have a bound. */
import { nameOf, untrueLayer } from '../documents/layer-names.js'
import { ImageError } from '../errors.js'
import type { LayerContents } from '../layers/contents.js'
import { type Group, groupsOfPlan } from '../layers/groups.js'
import type { LargeFile } from '../layers/large-files.js'
import { unpackMembers } from '../layers/packed-members.js'
import type { Digest } from '../model/digest.js'
import type { Layer } from '../model/layer.js'
import type { Recipe } from '../model/recipe.js'
import type { Workshop } from '../pool/workshop.js'
import { normalisePath } from '../python/paths.js'
import { TYPE } from '../tar/header.js'

/** The most store paths and directories that are kept of an image: twenty times what the largest have. */
const MAX_GROUPS = 500_000

/** What reading a layer has told. */
export interface ReadLayer {
  /** Of its archive, in bytes. */
  size: number
  groups: readonly Group[]
  /** The larger ones, where it was read in detail. */
  files?: readonly LargeFile[]
  problem?: string
}

export interface Link {
  path: string
  target: string
}

export class LayerReader {
  private readonly contents = new Map<string, Promise<LayerContents>>()
  private groups = 0

  constructor(
    private readonly workshop: Workshop,
    private readonly storeDir: string,
    /** Whether groups get digests where they are read, and the sums of directories; and larger files digests. */
    private readonly detailed = false,
  ) {}

  /** The groups of a plan, whose files need not be read. */
  ofPlan(plan: Uint8Array): Group[] {
    return this.bounded(groupsOfPlan(plan, this.storeDir, this.detailed))
  }

  /**
   * @param diffId what it is said to be
   * @throws ImageError BASE_INVALID, IMAGE_INVALID for a layer that is another, or too much
   */
  async read(layer: Layer, diffId: Digest): Promise<ReadLayer> {
    const recipe = await layer.recipe()
    const key = keyOf(recipe)
    let reading = this.contents.get(key)
    if (reading === undefined) {
      const { storeDir, detailed } = this
      const subject = nameOf(layer.source)
      reading = this.workshop
        .contents({ recipe, storeDir, digests: detailed, detailed }, subject)
        .then((found) => ({ ...found, groups: this.bounded(found.groups) }))
        .catch((error: unknown) => {
          throw inLayer(subject, error)
        })
      this.contents.set(key, reading)
    }
    const { diffId: found, size, groups, files, problem } = await reading
    if (found !== diffId) throw untrueLayer(layer.source, diffId, found)
    return {
      size,
      groups,
      ...(files === undefined ? {} : { files }),
      ...(problem === undefined ? {} : { problem }),
    }
  }

  /** The links of a layer below directories of the root, that lead to store paths. */
  async links(layer: Layer, directories: readonly string[]): Promise<Link[]> {
    const { storeDir } = this
    const task = { recipe: await layer.recipe(), storeDir, members: directories, type: TYPE.symlink }
    const { members } = await this.workshop.contents(task, nameOf(layer.source))
    if (!members.areAll)
      throw new ImageError(
        'IMAGE_INVALID',
        `${nameOf(layer.source)}: expected fewer symbolic links than can be kept, found more`,
      )
    const links: Link[] = []
    for (const [, { member }] of unpackMembers(members))
      if (member.linkname.startsWith(`${storeDir}/`))
        links.push({ path: normalisePath(`/${member.name}`), target: member.linkname })
    return links
  }

  private bounded(groups: Group[]): Group[] {
    this.groups += groups.length
    if (this.groups <= MAX_GROUPS) return groups
    throw new ImageError(
      'IMAGE_INVALID',
      `expected at most ${MAX_GROUPS} directories and store paths in all layers, found more`,
    )
  }
}

/** What is wrong with a blob is told of the file that it was fetched into. */
function inLayer(subject: string, error: unknown): unknown {
  if (!(error instanceof ImageError) || error.code !== 'IMAGE_INVALID') return error
  return new ImageError(error.code, `${subject}: ${error.message}`, { hint: error.hint, cause: error })
}

function keyOf(recipe: Recipe): string {
  if (recipe.kind === 'store') throw new Error('store paths have a plan')
  const { path, compression, range } = recipe
  return JSON.stringify([path, compression, range])
}
