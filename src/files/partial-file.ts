/**
 * Files that appear whole or not at all: written under a temporary name beside their place, synced, then
 * renamed. Finishing and appearing are two steps, so that of several files none appears before all are whole.
 */
import { closeSync, fchmodSync, fchownSync, ftruncateSync, openSync, renameSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { attempt, checkAborted, ImageError } from '../errors.js'
import { keepAtExit, remove } from './leftovers.js'
import { writeToStream } from './stream-file.js'
import { syncDescriptor, syncDirectory } from './sync.js'
import { isReplaceable, lookAtTarget, type Target } from './target.js'
import { temporaryPath } from './temporary.js'

export class PartialFile {
  /** Whether it may be written to, and is this object's to close. */
  private open = true

  private constructor(
    /** As it was named. */
    private readonly name: string,
    /** Where the file is to appear. */
    private readonly target: Exclude<Target, { kind: 'stream' }>,
    /** Where it is being written. */
    readonly path: string,
    private readonly fd: number,
  ) {}

  /**
   * @param target a path; what is there stays until {@link publish}, its mode and, as far as it can be, its owner pass on
   * @throws ImageError OUTPUT_FAILED, also for what is no file
   */
  static create(name: string): PartialFile {
    const target = lookAtTarget(name)
    if (target.kind === 'stream') throw new ImageError('OUTPUT_FAILED', `cannot write ${name}: it is no file`)
    return attempt('OUTPUT_FAILED', `cannot write ${name}`, () => {
      const path = temporaryPath(dirname(target.place))
      // What others may not read is not shown to them while it is written either.
      try {
        const fd = openSync(path, 'wx', target.kind === 'file' ? 0o600 : 0o666)
        return new PartialFile(name, target, path, fd)
      } catch (error) {
        keepAtExit(path)
        throw error
      }
    })
  }

  /** @throws ImageError OUTPUT_FAILED */
  write(bytes: Uint8Array, offset: number): void {
    attempt('OUTPUT_FAILED', `cannot write ${this.name}`, () => {
      for (let done = 0; done < bytes.length; )
        done += writeSync(this.fd, bytes, done, bytes.length - done, offset + done)
    })
  }

  /** The file is whole: gives it its size in bytes and syncs it, still under its temporary name. @throws ImageError OUTPUT_FAILED */
  async finish(size: number): Promise<void> {
    this.open = false
    try {
      attempt('OUTPUT_FAILED', `cannot write ${this.name}`, () => {
        ftruncateSync(this.fd, size)
        this.takeAfter()
      })
      // By the open file: what it is replacing may have been one that its own user may not open to write.
      await attempt('OUTPUT_FAILED', `cannot write ${this.name}`, () => syncDescriptor(this.fd))
    } finally {
      closeSync(this.fd)
    }
  }

  /** Gives the file its name. @throws ImageError OUTPUT_FAILED */
  async publish(): Promise<void> {
    const { place } = this.target
    if (!isReplaceable(place))
      throw new ImageError(
        'OUTPUT_FAILED',
        `cannot write ${this.name}: something that is no file has come there`,
      )
    attempt('OUTPUT_FAILED', `cannot write ${this.name}`, () => renameSync(this.path, place))
    keepAtExit(this.path)
    await attempt('OUTPUT_FAILED', `cannot write ${this.name}`, () => syncDirectory(dirname(place)))
  }

  /** Removes what was written, unless it was published. */
  discard(): void {
    if (this.open) closeSync(this.fd)
    this.open = false
    remove(this.path)
  }

  /** Has the file take mode and owner after the one that it replaces. */
  private takeAfter(): void {
    if (this.target.kind !== 'file') return
    const { uid, gid, mode } = this.target
    const sameGroup = this.own(uid, gid) || this.own(-1, gid)
    // What was granted to a group is not granted to another one.
    fchmodSync(this.fd, sameGroup ? mode : mode & ~0o2070)
  }

  private own(uid: number, gid: number): boolean {
    try {
      fchownSync(this.fd, uid, gid)
      return true
    } catch {
      return false
    }
  }
}

/** A small file, whole, that is opened before its content is known; a device or a pipe gets the bytes. */
export class WholeFile {
  private bytes = Buffer.alloc(0)

  private constructor(
    private readonly name: string,
    private readonly file: PartialFile | undefined,
  ) {}

  /** @throws ImageError OUTPUT_FAILED */
  static open(name: string): WholeFile {
    return new WholeFile(name, lookAtTarget(name).kind === 'stream' ? undefined : PartialFile.create(name))
  }

  /** @throws ImageError OUTPUT_FAILED */
  async finish(content: string | Buffer): Promise<void> {
    this.bytes = Buffer.from(content)
    this.file?.write(this.bytes, 0)
    await this.file?.finish(this.bytes.length)
  }

  /** @throws ImageError OUTPUT_FAILED, ABORTED */
  async publish(signal?: AbortSignal): Promise<void> {
    await (this.file?.publish() ?? writeToStream(this.name, [this.bytes], signal))
  }

  /** Removes it, unless it was published. */
  discard(): void {
    this.file?.discard()
  }
}

/** A small file, whole. @throws ImageError OUTPUT_FAILED, ABORTED */
export async function writeWhole(
  path: string,
  content: string | Buffer,
  signal?: AbortSignal,
): Promise<void> {
  checkAborted(signal)
  const file = WholeFile.open(path)
  try {
    await file.finish(content)
    await file.publish(signal)
  } catch (error) {
    file.discard()
    throw error
  }
}
