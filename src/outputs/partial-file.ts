/** Files that appear whole or not at all: written under another name beside their place, then renamed. */

import { randomBytes } from 'node:crypto'
import { closeSync, ftruncateSync, openSync, realpathSync, renameSync, rmSync, writeSync } from 'node:fs'
import { ImageError, systemReason } from '../errors.js'

export class PartialFile {
  private constructor(
    /** Where the file is to appear. */
    private readonly target: string,
    /** Where it is being written. */
    readonly path: string,
    private readonly fd: number,
  ) {}

  /** @param target a path; what is there stays until {@link finish} @throws ImageError OUTPUT_FAILED */
  static create(target: string): PartialFile {
    const place = realPlace(target)
    const path = `${place}.partial-${randomBytes(6).toString('hex')}`
    return new PartialFile(
      place,
      path,
      attempt(target, () => openSync(path, 'wx')),
    )
  }

  /** @throws ImageError OUTPUT_FAILED */
  write(bytes: Uint8Array, offset: number): void {
    attempt(this.target, () => {
      for (let done = 0; done < bytes.length; )
        done += writeSync(this.fd, bytes, done, bytes.length - done, offset + done)
    })
  }

  /** Gives the file its size and its name. @throws ImageError OUTPUT_FAILED */
  finish(size: number): void {
    attempt(this.target, () => {
      ftruncateSync(this.fd, size)
      closeSync(this.fd)
      renameSync(this.path, this.target)
    })
  }

  /** Removes what was written. */
  discard(): void {
    rmSync(this.path, { force: true })
    try {
      closeSync(this.fd)
    } catch {
      // It is closed when renaming it was what failed.
    }
  }
}

/** A small file, whole. @throws ImageError OUTPUT_FAILED */
export function writeWhole(path: string, content: string | Buffer): void {
  const bytes = Buffer.from(content)
  const file = PartialFile.create(path)
  try {
    file.write(bytes, 0)
    file.finish(bytes.length)
  } catch (error) {
    file.discard()
    throw error
  }
}

/** A symbolic link stays one: what it leads to is replaced. */
function realPlace(target: string): string {
  try {
    return realpathSync(target)
  } catch {
    return target
  }
}

function attempt<T>(path: string, run: () => T): T {
  try {
    return run()
  } catch (error) {
    throw new ImageError('OUTPUT_FAILED', `cannot write ${path}: ${systemReason(error)}`, { cause: error })
  }
}
