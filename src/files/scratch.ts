/** Temporary files of one build: a directory that is made when the first is wanted and goes with the build. */
import { closeSync, openSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ImageError, systemReason } from '../errors.js'
import { remove } from './leftovers.js'
import { temporaryDirectory } from './temporary.js'

export class Scratch {
  private directory: string | undefined
  private count = 0

  /** @param parent where the directory is made; default: the system's place for temporary files */
  constructor(private readonly parent = tmpdir()) {}

  /** The path of a new empty file. @throws ImageError OUTPUT_FAILED */
  readonly file = (): string => {
    try {
      this.directory ??= temporaryDirectory(this.parent)
      const path = join(this.directory, String(++this.count))
      closeSync(openSync(path, 'wx'))
      return path
    } catch (error) {
      throw new ImageError(
        'OUTPUT_FAILED',
        `cannot make a temporary file in ${this.parent}: ${systemReason(error)}`,
        { hint: 'TMPDIR names the place for temporary files', cause: error },
      )
    }
  }

  remove(): void {
    if (this.directory !== undefined) remove(this.directory)
    this.directory = undefined
  }
}
