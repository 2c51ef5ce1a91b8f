/** The archives that were opened, and the plain files in which what is compressed in them can be read in any order. */
import { rmSync, statSync } from 'node:fs'
import { handled } from '../errors.js'
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
    const key = keyOf({ path, fingerprint: fingerprintOf(statSync(fsPath(path))) })
    let opening = this.copied.get(key)
    if (opening === undefined) {
      const into = this.fileForCopy()
      opening = this.openInto(path, into)
      this.copied.set(key, opening)
      opening.catch(() => {
        this.copied.delete(key)
        if (into !== undefined) rmSync(into, { force: true })
      })
    }
    return opening
  }

  /** None where none can be made: a copy saves time alone. */
  private fileForCopy(): string | undefined {
    try {
      return this.makeFile()
    } catch {
      return undefined
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
    const into = isWorthCopying(compressionOf(path)) ? this.fileForCopy() : undefined
    const archive = await this.pool.run('openArchive', { path, into }, path)
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
