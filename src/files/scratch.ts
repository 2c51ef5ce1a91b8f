/** Temporary files of one build: a directory that is made when the first is wanted and goes with the build. */
import { closeSync, openSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { attempt } from '../errors.js'
import { remove } from './leftovers.js'
import { temporaryDirectory } from './temporary.js'

export class Scratch {
  private directory: string | undefined
  private count = 0

  /** @param parent where the directory is made; default: the system's place for temporary files */
  constructor(private readonly parent = tmpdir()) {}

  /** The path of a new empty file. @throws ImageError OUTPUT_FAILED */
  readonly file = (): string => {
    const about = `cannot make a temporary file in ${this.parent}`
    const make = (): string => {
      this.directory ??= temporaryDirectory(this.parent)
      const path = join(this.directory, String(++this.count))
      closeSync(openSync(path, 'wx'))
      return path
    }
    return attempt('OUTPUT_FAILED', about, make, 'TMPDIR names the place for temporary files')
  }

  remove(): void {
    if (this.directory !== undefined) remove(this.directory)
    this.directory = undefined
  }
}
