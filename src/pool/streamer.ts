/**
 * The streaming pass, seen from the main thread: layers' archives come out of one ring in order. A layer's
 * archive is produced as soon as it is known what to produce and the producer before it is done, so at
 * layer boundaries the ring does not run dry.
 */
import { setImmediate } from 'node:timers/promises'
import { asImageError, ImageError } from '../errors.js'
import { createRing, type RingMemory } from '../ring/layout.js'
import { RingReader } from '../ring/reader.js'

/** A producer's progress. */
export interface Production {
  done: boolean
  error: ImageError | undefined
}

export type Write = (bytes: Uint8Array) => void | Promise<void>

/** How many slots are passed on before other events get their turn. */
const SLOTS_A_TURN = 4

export class Streamer {
  private readonly ring = createRing()
  private readonly reader = new RingReader(this.ring)
  private last: Promise<void> = Promise.resolve()
  private closed: ImageError | undefined

  /**
   * Queues a producer behind those before it.
   * @param produce fills the ring; called when the ring is its own
   */
  enqueue(produce: (ring: RingMemory) => Promise<unknown>): Production {
    const production: Production = { done: false, error: undefined }
    const before = this.last
    this.last = (async () => {
      await before
      try {
        if (this.closed === undefined) await produce(this.ring)
      } catch (error) {
        production.error = asImageError(error, 'WORKER_FAILED', 'producing a layer failed')
      }
      production.done = true
      this.reader.wake()
    })()
    return production
  }

  /**
   * Passes the next `size` bytes on; a piece is valid only until `write` is done with it.
   * @throws ImageError the producer's, or ABORTED after {@link close}
   */
  async copy(production: Production, size: number, write: Write): Promise<void> {
    let turn = 0
    for (let left = size; left > 0; ) {
      if (this.closed !== undefined) throw this.closed
      const bytes = this.reader.peek()
      if (bytes === undefined) {
        if (production.done) throw production.error ?? tooFew(size, size - left)
        await this.reader.filled()
        continue
      }
      const writing = write(bytes)
      if (writing !== undefined) await writing
      this.reader.release()
      left -= bytes.length
      if (++turn % SLOTS_A_TURN === 0) await setImmediate()
    }
  }

  /** Waits until the producer has also made its last checks. @throws ImageError the producer's */
  async settled(production: Production): Promise<void> {
    while (!production.done && this.closed === undefined) await this.reader.filled()
    if (this.closed !== undefined) throw this.closed
    if (production.error !== undefined) throw production.error
  }

  /** Makes producers and consumers stop; they fail with `reason`. */
  close(reason: ImageError): void {
    this.closed ??= reason
    this.reader.close()
  }
}

function tooFew(expected: number, found: number): ImageError {
  return new ImageError('WORKER_FAILED', `a worker produced ${found} bytes of a layer, expected ${expected}`)
}
