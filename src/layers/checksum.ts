/** The checksum pass: what a layer's archive is called, before a byte of it is written. */
import { createHash } from 'node:crypto'
import { type Digest, fromHex } from '../model/digest.js'
import type { Owner } from '../model/owner.js'
import type { Recipe } from '../model/recipe.js'
import { type ArchiveSize, measureArchive, writeArchive } from './archive.js'
import { chunksTo, type KeptMemory } from './kept.js'
import { NarHasher } from './nar.js'
import { writeRecipes } from './recipes.js'
import type { Sink } from './sink.js'
import { type LayerPlan, planStorePaths } from './walk.js'

export interface Checksum {
  /** Of the archive. */
  diffId: Digest
  /** The archive's size in bytes. */
  size: number
}

export interface StorePaths {
  paths: readonly string[]
  owner: Owner
  /** What the paths hold, where that is known already. */
  planned?: LayerPlan | undefined
}

/** What store paths hold, and the size of their archive. */
export interface PlannedLayer extends LayerPlan, ArchiveSize {}

/** A layer that was found to be so large that its checksum is worth a task of its own. */
export interface LargeLayer extends PlannedLayer {
  diffId?: undefined
}

export interface LayerChecksum extends PlannedLayer, Checksum {
  /** As {@link NarHasher.finish} gives them, where they were asked for. */
  narHashes?: (string | undefined)[] | undefined
}

export interface ChecksumTask extends StorePaths {
  /** Whether to compute the NAR hashes of the paths too. */
  nar?: boolean | undefined
  /** Whether it is checked as files are read that they are as they were planned: where that was long before. */
  recheck?: boolean | undefined
  /** Where contents of small files are left. */
  memory?: KeptMemory | undefined
}

/** @throws ImageError as {@link planStorePaths} */
export function planLayer({ paths, owner, planned }: StorePaths): PlannedLayer {
  const found = planned ?? planStorePaths(paths)
  return { ...found, ...measureArchive(found.plan, owner) }
}

/** @throws ImageError as {@link planStorePaths} and {@link writeArchive} */
export function checksumLayer(task: ChecksumTask): LayerChecksum {
  const planned = task.planned ?? planStorePaths(task.paths)
  const { plan } = planned
  const sink = new DigestSink()
  // What changes from here on is found when the archive is streamed.
  const recheck = task.recheck === true
  const nar = task.nar ? new NarHasher() : undefined
  const kept = task.memory && { memory: task.memory, isFilled: false }
  const end = writeArchive(plan, task.owner, sink, { recheck, nar, kept })
  const chunks = chunksTo(end.plan.place)
  return { ...planned, chunks, diffId: sink.digest(), size: sink.size, narHashes: nar?.finish() }
}

/**
 * As {@link checksumLayer}, but a large layer is only planned.
 * @param upTo what the largest one that is not has of contents and headers, in bytes
 */
export function checksumUpTo(upTo: number, task: ChecksumTask): LayerChecksum | LargeLayer {
  const planned = task.planned ?? planStorePaths(task.paths)
  return planned.least > upTo ? planLayer({ ...task, planned }) : checksumLayer({ ...task, planned })
}

/** @throws ImageError as {@link writeRecipes} */
export async function digestRecipe(recipe: Recipe): Promise<Checksum> {
  const sink = new DigestSink()
  await writeRecipes([recipe], sink)
  return { diffId: sink.digest(), size: sink.size }
}

/** 256 KiB stays in the cache between reading and hashing. */
const buffer = Buffer.allocUnsafeSlow(256 * 1024)

/** A sink that keeps only the digest. */
export class DigestSink implements Sink {
  private readonly hash = createHash('sha256')
  /** Bytes so far. */
  size = 0

  lend(): Buffer {
    return buffer
  }

  accept(used: number): void {
    this.hash.update(buffer.subarray(0, used))
    this.size += used
  }

  digest(): Digest {
    return fromHex(this.hash.digest('hex'))
  }
}

/** A sink that passes everything on to another and takes its digest on the way. */
export class HashingSink implements Sink {
  private readonly hash = createHash('sha256')
  private lent: Buffer = buffer
  /** Bytes so far. */
  size = 0

  constructor(private readonly inner: Sink) {}

  lend(): Buffer {
    this.lent = this.inner.lend()
    return this.lent
  }

  accept(used: number): void {
    this.hash.update(this.lent.subarray(0, used))
    this.size += used
    this.inner.accept(used)
  }

  digest(): Digest {
    return fromHex(this.hash.digest('hex'))
  }
}
