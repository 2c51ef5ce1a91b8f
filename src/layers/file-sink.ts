import { closeSync, openSync, writeSync } from 'node:fs'
import { attempt } from '../errors.js'
import type { Sink } from './sink.js'

/** A sink that writes into an existing file from an offset on; others may write elsewhere in it. */
export class FileSink implements Sink {
  private readonly fd: number
  /** What is said of a write that fails. */
  private readonly about: string
  /** Bytes written. */
  size = 0

  /** @throws ImageError OUTPUT_FAILED */
  constructor(
    path: string,
    private readonly offset: number,
  ) {
    this.about = `cannot write ${path}`
    this.fd = attempt('OUTPUT_FAILED', this.about, () => openSync(path, 'r+'))
  }

  lend(): Buffer {
    return buffer
  }

  /** @throws ImageError OUTPUT_FAILED */
  accept(used: number): void {
    for (let done = 0; done < used; ) {
      const at = this.offset + this.size
      const count = attempt('OUTPUT_FAILED', this.about, () =>
        writeSync(this.fd, buffer, done, used - done, at),
      )
      done += count
      this.size += count
    }
  }

  close(): void {
    closeSync(this.fd)
  }
}

/** One for the thread: it makes one blob at a time. */
const buffer = Buffer.allocUnsafeSlow(256 * 1024)
