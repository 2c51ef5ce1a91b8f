/** The checksum pass: what a layer's archive is called, before a byte of it is written. */
import { createHash } from 'node:crypto'
import { writeArchive } from './archive.js'
import type { Owner } from './layer-headers.js'
import type { Sink } from './sink.js'
import { type LayerPlan, planStorePaths } from './walk.js'

export interface Checksum {
  /** SHA-256 of the archive, in hex: the layer's diff ID without its algorithm. */
  digest: string
  /** The archive's size in bytes. */
  size: number
}

export interface LayerChecksum extends Checksum {
  /** What the streaming pass writes the same bytes from. */
  plan: Uint8Array
  /** As in {@link LayerPlan}. */
  fresh: boolean
}

export interface ChecksumTask {
  paths: readonly string[]
  owner: Owner
  /** What the paths hold, where that is known already. */
  planned?: LayerPlan | undefined
}

/** @throws ImageError as {@link planStorePaths} and {@link writeArchive} */
export function checksumLayer(task: ChecksumTask): LayerChecksum {
  const { plan, fresh } = task.planned ?? planStorePaths(task.paths)
  const sink = new DigestSink()
  // What changes from here on is found when the archive is streamed.
  const size = writeArchive(plan, task.owner, sink, { recheck: false })
  return { digest: sink.digest(), size, plan, fresh }
}

/** 256 KiB stays in the cache between reading and hashing. */
const buffer = Buffer.allocUnsafeSlow(256 * 1024)

/** A sink that keeps only the digest. */
export class DigestSink implements Sink {
  private readonly hash = createHash('sha256')

  lend(): Buffer {
    return buffer
  }

  accept(used: number): void {
    this.hash.update(buffer.subarray(0, used))
  }

  digest(): string {
    return this.hash.digest('hex')
  }
}

/** A sink that passes everything on to another and takes its digest on the way. */
export class HashingSink implements Sink {
  private readonly hash = createHash('sha256')
  private lent: Buffer = buffer

  constructor(private readonly inner: Sink) {}

  lend(): Buffer {
    this.lent = this.inner.lend()
    return this.lent
  }

  accept(used: number): void {
    this.hash.update(this.lent.subarray(0, used))
    this.inner.accept(used)
  }

  digest(): string {
    return this.hash.digest('hex')
  }
}
