import { closeSync, openSync, writeSync } from 'node:fs'
import { ImageError, systemReason } from '../errors.js'
import type { Sink } from './sink.js'

/** A sink that writes into an existing file from an offset on; others may write elsewhere in it. */
export class FileSink implements Sink {
  private readonly fd: number
  /** Bytes written. */
  size = 0

  /** @throws ImageError OUTPUT_FAILED */
  constructor(
    private readonly path: string,
    private readonly offset: number,
  ) {
    this.fd = attempt(path, () => openSync(path, 'r+'))
  }

  lend(): Buffer {
    return buffer
  }

  /** @throws ImageError OUTPUT_FAILED */
  accept(used: number): void {
    for (let done = 0; done < used; ) {
      const at = this.offset + this.size
      const count = attempt(this.path, () => writeSync(this.fd, buffer, done, used - done, at))
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

function attempt<T>(path: string, write: () => T): T {
  try {
    return write()
  } catch (error) {
    throw new ImageError('OUTPUT_FAILED', `cannot write ${path}: ${systemReason(error)}`, { cause: error })
  }
}
