/** Bodies of requests: from bytes or a range of a file, as often as it takes, and counted on their way. */
import { createReadStream } from 'node:fs'
import { Readable } from 'node:stream'
import { ImageError, systemReason } from '../errors.js'
import { type Clock, Progress } from './clock.js'
import type { Patience } from './patience.js'

/** Bytes to send. */
export interface Body {
  size: number
  /** Bytes that the other side has to work off when all is sent; default: these. */
  weight?: number
  /** @throws ImageError FILE_UNREADABLE, FILE_CHANGED */
  open(): AsyncIterable<Uint8Array>
}

/** As much is given to the connection at once. */
const PIECE = 64 << 10

export function bytesBody(bytes: Buffer): Body {
  async function* open(): AsyncGenerator<Uint8Array> {
    for (let start = 0; start < bytes.length; start += PIECE) yield bytes.subarray(start, start + PIECE)
  }
  return { size: bytes.length, open }
}

/** @param start of the range @param end just behind it */
export function fileBody(path: string, start: number, end: number): Body {
  const size = end - start
  async function* open(): AsyncGenerator<Uint8Array> {
    let left = size
    const file = createReadStream(path, { start, end: end - 1, highWaterMark: PIECE })
    try {
      for await (const piece of file as AsyncIterable<Buffer>) {
        left -= piece.length
        yield piece
      }
    } catch (cause) {
      throw new ImageError('FILE_UNREADABLE', `cannot read ${path}: ${systemReason(cause)}`, { cause })
    }
    if (left > 0) throw new ImageError('FILE_CHANGED', `${path}: expected ${end} bytes, found ${end - left}`)
  }
  return { size, open }
}

/** A body on its way. */
export class Sending {
  readonly stream: Readable
  /** Why it could not be read, if so. */
  failure: unknown

  /** @param sent is called when the last byte was taken */
  constructor(body: Body, clock: Clock, patience: Patience, sent: () => void) {
    const progress = new Progress(clock, patience)
    const counted = async function* (this: Sending): AsyncGenerator<Uint8Array> {
      try {
        for await (const piece of body.open()) {
          yield piece
          progress.came(piece.length)
          progress.await()
        }
      } catch (error) {
        this.failure = error
        throw error
      }
      sent()
    }
    progress.await()
    this.stream = Readable.from(counted.call(this), { objectMode: false, highWaterMark: PIECE })
    // The request tells of it.
    this.stream.on('error', () => {})
  }
}
