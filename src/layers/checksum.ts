/** The checksum pass: what a layer's archive is called, before a byte of it is written. */
import { createHash } from 'node:crypto'
import { writeArchive } from './archive.js'
import type { Owner } from './layer-headers.js'
import type { Sink } from './sink.js'
import { planStorePaths } from './walk.js'

export interface Checksum {
  /** SHA-256 of the archive, in hex: the layer's diff ID without its algorithm. */
  digest: string
  /** The archive's size in bytes. */
  size: number
}

export interface LayerChecksum extends Checksum {
  /** What the streaming pass writes the same bytes from. */
  plan: Uint8Array
  /**
   * Whether a member changed so shortly before that a further change could keep its ctime: then only its
   * content can tell.
   */
  fresh: boolean
}

/** No file system that can hold a store has coarser times than this, in milliseconds. */
const COARSEST_CTIME = 2000

/** @throws ImageError as {@link planStorePaths} and {@link writeArchive} */
export function checksumLayer(task: { paths: readonly string[]; owner: Owner }): LayerChecksum {
  const started = Date.now()
  const { plan, newestChange } = planStorePaths(task.paths)
  const sink = new DigestSink()
  // What changes from here on is found when the archive is streamed.
  const size = writeArchive(plan, task.owner, sink, { recheck: false })
  return { digest: sink.digest(), size, plan, fresh: newestChange > started - COARSEST_CTIME }
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
export class VerifyingSink implements Sink {
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
