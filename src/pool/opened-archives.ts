/** The archives that were opened, and the plain files in which what is compressed in them can be read in any order. */
import { rmSync, statSync } from 'node:fs'
import { attempt, handled } from '../errors.js'
import type { BaseImage } from '../layers/base.js'
import type { PackedRanges } from '../layers/compressed-ranges.js'
import { compressionOf } from '../layers/decompress.js'
import { fingerprintOf } from '../layers/fingerprint.js'
import { isWorthCopying } from '../layers/plain-copy.js'
import type { WholeArchive } from '../layers/whole-archive.js'
import type { FileRange, Range, Recipe } from '../model/recipe.js'
import { fsPath } from '../python/fs-encoding.js'
import type { LayerPool } from './pool.js'

export class OpenedArchives {
  /** What is worth expanding of them when they are compressed. */
  private readonly layersOf = new Map<string, readonly Range[]>()
  private readonly expanded = new Map<string, Promise<Plain>>()
  /** Those that are read from a plain copy. */
  private readonly copied = new Map<string, Promise<BaseImage>>()

  /** @param makeFile gives the path of an empty temporary file */
  constructor(
    private readonly pool: LayerPool,
    private readonly makeFile: () => string,
  ) {}

  /** Opens an archive of an image; of one that is copied there is one copy, however often it is opened. @throws ImageError IMAGE_INVALID */
  async openBase(path: string): Promise<BaseImage> {
    if (!isWorthCopying(compressionOf(path))) return this.openInto(path)
    const about = `${path}: cannot be read`
    const stats = attempt('IMAGE_INVALID', about, () => statSync(fsPath(path)))
    const key = keyOf({ path, fingerprint: fingerprintOf(stats) })
    let opening = this.copied.get(key)
    if (opening === undefined) {
      opening = this.withCopy((into) => this.openInto(path, into))
      this.copied.set(key, opening)
      opening.catch(() => this.copied.delete(key))
    }
    return opening
  }

  /** @param open takes a file for a copy, where one can be made: it saves time alone. The file goes when it fails */
  private async withCopy<T>(open: (into: string | undefined) => Promise<T>): Promise<T> {
    const into = quietly(this.makeFile)
    try {
      return await open(into)
    } catch (error) {
      if (into !== undefined) quietly(() => rmSync(into))
      throw error
    }
  }

  private async openInto(path: string, into?: string): Promise<BaseImage> {
    const base = await this.pool.run('openBase', { path, into }, path)
    this.layersOf.set(
      keyOf(base.file),
      base.layers.map(({ range }) => range),
    )
    return base
  }

  /** Opens an archive with all its images. @throws ImageError IMAGE_INVALID for what is no archive of images */
  async openAll(path: string): Promise<WholeArchive> {
    const open = (into?: string): Promise<WholeArchive> => this.pool.run('openArchive', { path, into }, path)
    const archive = await (isWorthCopying(compressionOf(path)) ? this.withCopy(open) : open())
    const ranges = archive.images.flatMap(({ layers }) => layers.map(({ range }) => range))
    this.layersOf.set(keyOf(archive.file), ranges)
    return archive
  }

  /** The same layer in a plain file: what is compressed is expanded once for all its layers. */
  async plain(recipe: Recipe, subject: string): Promise<Recipe> {
    if (recipe.kind === 'store' || recipe.compression === 'none') return recipe
    let expanding = this.expanded.get(keyOf(recipe))
    if (expanding === undefined) {
      expanding = handled(this.expand(recipe, subject))
      this.expanded.set(keyOf(recipe), expanding)
    }
    const { file, offsets } = await expanding
    return { ...file, range: { offset: offsets.get(recipe.range.offset)!, size: recipe.range.size } }
  }

  private async expand(file: FileRange, subject: string): Promise<Plain> {
    const { path, fingerprint, compression, range } = file
    const ranges = [...(this.layersOf.get(keyOf(file)) ?? [range])]
    const into = this.makeFile()
    const task = { path, fingerprint, compression: compression as PackedRanges['compression'], ranges, into }
    const expanded = await this.pool.run('expand', task, subject)
    return {
      file: { kind: 'range', path: into, fingerprint: expanded.fingerprint, compression: 'none' },
      offsets: new Map(ranges.map(({ offset }, i) => [offset, expanded.ranges[i]!.offset])),
    }
  }
}

/** A file that was replaced is another one. */
function keyOf({ path, fingerprint }: Pick<FileRange, 'path' | 'fingerprint'>): string {
  return [path, ...Object.values(fingerprint)].join('\0')
}

/** What a compressed file was expanded into. */
interface Plain {
  file: Omit<FileRange, 'range'>
  /** Where in it a range lies, by where it lay. */
  offsets: ReadonlyMap<number, number>
}

function quietly<T>(run: () => T): T | undefined {
  try {
    return run()
  } catch {
    return undefined
  }
}
