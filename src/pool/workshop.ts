/**
 * What a build can have made, on whatever thread: a recipe's digest, its bytes in order, its packed blob in a file.
 * Nothing outside knows what runs in a worker, through the ring, in a batch or on this thread.
 */
import { statSync } from 'node:fs'
import { attempt, type ImageError } from '../errors.js'
import type { ArchiveCursor } from '../layers/archive.js'
import type { Audit, AuditTask } from '../layers/audit.js'
import type { BaseImage } from '../layers/base.js'
import type { BlobTask } from '../layers/blob.js'
import type { Checksum, ChecksumTask, LayerChecksum, PlannedLayer, StorePaths } from '../layers/checksum.js'
import type { ContentsTask, LayerContents } from '../layers/contents.js'
import type { CustomisationLayer } from '../layers/customisation.js'
import { fingerprintOf } from '../layers/fingerprint.js'
import type { KeptMemory } from '../layers/kept.js'
import type { WholeArchive } from '../layers/whole-archive.js'
import type { BlobKind } from '../model/compression.js'
import type { Write } from '../model/destination.js'
import type { Digest } from '../model/digest.js'
import type { Blob, KeptContents, MadeBlob } from '../model/layer.js'
import { type Recipe, TO_THE_END } from '../model/recipe.js'
import { Keeping } from './keeping.js'
import { OpenedArchives } from './opened-archives.js'
import type { LayerPool } from './pool.js'
import { Spare } from './spare.js'
import { type Planned, Streamer } from './streamer.js'

/** A layer's bytes: given once, when the layers queued before it have given theirs. @returns their digest, where it was asked for */
export type Bytes = (write: Write) => Promise<Digest | undefined>

/** With what is kept of the layer. */
export interface KeptChecksum extends LayerChecksum {
  kept: KeptContents | undefined
}

/** The streaming pass of one archive: layers are queued in order, and give their bytes in that order. */
export interface Stream {
  queue(planning: Promise<Planned>): Bytes
  /** Makes everything that waits fail with `reason`. */
  close(reason: ImageError): void
}

/** An archive's bytes from anywhere on, one slice after another. */
export interface Slices {
  /**
   * A slice is valid until the next but one is asked for.
   * @param start in the archive, in bytes; to go back costs what was passed over @param length at most {@link SLICE_BYTES}
   */
  at(start: number, length: number): Promise<Uint8Array>
  /** No slice is valid any more: their memory is for others. */
  close(): void
}

/** 255 blobs on their way take 100 MB so, and asking a thread for a slice takes a tenth of a millisecond. */
export const SLICE_BYTES = 128 * 1024

/** From here on a layer has a checksum pass of its own, for which threads may be asked for help. */
const LARGE_BYTES = 32 << 20

/** The largest layer that is made on this thread: it is whole in memory for a moment. */
const SMALL_BYTES = 2 << 20

export class Workshop {
  private readonly archives: OpenedArchives
  private readonly keeping = new Keeping()
  /**
   * What slices that are closed were in. The garbage collector does not count shared memory: thousands of small blobs, each
   * with buffers of its own, took gigabytes before it came.
   */
  private readonly buffers = new Spare(() =>
    [0, 1, 2].map(() => new Uint8Array(new SharedArrayBuffer(SLICE_BYTES))),
  )

  /**
   * @param threads how many layers are worth having on their way at once
   * @param makeFile gives the path of an empty temporary file
   */
  constructor(
    private readonly pool: LayerPool,
    readonly threads: number,
    readonly makeFile: () => string,
  ) {
    this.archives = new OpenedArchives(pool, makeFile)
  }

  /** Opens an archive of an image. @throws ImageError IMAGE_INVALID */
  openBase(path: string): Promise<BaseImage> {
    return this.archives.openBase(path)
  }

  /** Opens an archive with all its images. @throws ImageError IMAGE_INVALID for what is no archive of images */
  openArchive(path: string): Promise<WholeArchive> {
    return this.archives.openAll(path)
  }

  openCustomisation(directory: string, subject: string): Promise<CustomisationLayer> {
    return this.pool.pass('openCustomisation', { directory }, subject)
  }

  plan(paths: StorePaths, subject: string): Promise<PlannedLayer> {
    return this.pool.pass('plan', paths, subject)
  }

  /**
   * The checksum pass of store paths.
   * @param keeps whether contents of small files are kept for the streaming pass, as far as there is room
   * @param isLong whether it is thought to take longer than all others
   */
  async checksum(
    task: ChecksumTask,
    subject: string,
    { keeps = false, isLong = false } = {},
  ): Promise<KeptChecksum> {
    // NAR hashes are taken by the thread that reads.
    const upTo = task.nar || this.threads === 1 ? Number.POSITIVE_INFINITY : LARGE_BYTES
    const lease = this.keeping.lease()
    // What this thread reads is so little that it is read again.
    const memory = (chunks?: number): KeptMemory => (keeps && this.pool.isStarted ? lease.take(chunks) : [])
    const recheck = task.planned !== undefined
    const input = () => ({ ...task, upTo, recheck, memory: memory() })
    const found = await this.pool.pass('checksum', input, subject, isLong)
    // Fresh files are read again, and what is read is compared.
    const chunks = found.fresh ? 0 : found.chunks
    if (found.diffId !== undefined) return { ...found, kept: lease.end(chunks) }
    lease.end(0)
    const { plan, size } = found
    const recipe = { kind: 'store', plan, owner: task.owner } as const
    const large = await this.pool.hashTogether(recipe, size, subject, () => memory(chunks), recheck)
    return { ...found, diffId: large.diffId, kept: large.isKept ? lease.end(chunks) : undefined }
  }

  /** The checksum pass of what has a recipe. */
  async digest(recipe: Recipe, subject: string): Promise<Checksum> {
    return this.pool.pass('digest', { recipe: await this.readable(recipe, subject) }, subject)
  }

  /** What a file is that holds a layer's blob, packed and unpacked. @throws ImageError IMAGE_INVALID, FILE_UNREADABLE */
  async fileDigests(path: string, compression: BlobKind, subject: string): Promise<Blob> {
    const stats = attempt('FILE_UNREADABLE', `cannot read ${path}`, () => statSync(path))
    const file = { kind: 'range', path, fingerprint: fingerprintOf(stats) } as const
    const whole = { offset: 0, size: stats.size }
    const toTheEnd = { offset: 0, size: TO_THE_END }
    const [packed, plain] = await Promise.all([
      this.digest({ ...file, compression: 'none', range: whole }, subject),
      this.digest({ ...file, compression, range: toTheEnd }, subject),
    ])
    return { diffId: plain.diffId, size: plain.size, digest: packed.diffId, blobSize: packed.size }
  }

  /** What is in a layer, by reading it. @throws ImageError IMAGE_INVALID for more than can be kept */
  async contents(task: ContentsTask, subject: string): Promise<LayerContents> {
    return this.pool.pass('contents', { ...task, recipe: await this.readable(task.recipe, subject) }, subject)
  }

  /** What of a layer is refused, or a danger, where it is unpacked. */
  async audit(task: AuditTask, subject: string): Promise<Audit> {
    return this.pool.pass('audit', { ...task, recipe: await this.readable(task.recipe, subject) }, subject)
  }

  /** A layer's blob in a file. */
  async blob(task: BlobTask, subject: string): Promise<MadeBlob> {
    return this.pool.pass('blob', { ...task, recipe: await this.readable(task.recipe, subject) }, subject)
  }

  stream(): Stream {
    const streamer = new Streamer(
      (production, isHashed) => this.pool.stream({ ...production, isHashed }, 'the streaming pass'),
      {
        isFor: ({ recipe, size }) => recipe.kind === 'store' && size <= SMALL_BYTES && !this.pool.isStarted,
        write: async (recipe, sink) => {
          const { writeRecipes } = await import('../layers/recipes.js')
          await writeRecipes([recipe], sink)
        },
      },
    )
    return {
      queue: (planning) => {
        const production = streamer.enqueue(planning)
        return async (write) => streamer.bytes(production, await planning, write)
      },
      close: (reason) => streamer.close(reason),
    }
  }

  slices(recipe: Recipe, subject: string): Slices {
    const buffers = this.buffers.take()
    let cursor: ArchiveCursor | undefined
    let count = 0
    let last: Promise<unknown> = Promise.resolve()
    const read = async (start: number, length: number): Promise<Uint8Array> => {
      const into = buffers[count++ % buffers.length]!.subarray(0, length)
      const plain = await this.archives.plain(recipe, subject)
      if (cursor !== undefined && cursor.offset > start) cursor = undefined
      cursor = await this.pool.run('slice', { recipe: plain, start, into, cursor }, subject)
      return into
    }
    const giveBack = (): void => this.buffers.giveBack(buffers)
    return {
      at: (start, length) => {
        const reading = read(start, length)
        last = reading
        return reading
      },
      // When no thread writes into them any more.
      close: () => void last.then(giveBack, giveBack),
    }
  }

  /** Several layers of one compressed file are read in any order: it is expanded once for all of them. */
  private async readable(recipe: Recipe, subject: string): Promise<Recipe> {
    return recipe.kind === 'range' && recipe.range.offset > 0 ? this.archives.plain(recipe, subject) : recipe
  }
}
