/**
 * The streaming pass, seen from the main thread: layers' archives come out of one ring in order. A layer's
 * archive is produced as soon as it is known what to produce and the producer before it is done, so at
 * layer boundaries the ring does not run dry.
 */
import { setImmediate } from 'node:timers/promises'
import { asImageError, ImageError } from '../errors.js'
import type { ArchiveTask } from '../layers/stream.js'
import { createRing, type RingMemory } from '../ring/layout.js'
import { RingReader } from '../ring/reader.js'

/** A producer's progress. */
export interface Production {
  done: boolean
  error: ImageError | undefined
  /** Resolves when it is done, with or without an error; at once when a later layer of its batch waits for that. */
  finished: Promise<void>
}

/** A store layer whose checksum is known. */
export interface QueuedLayer {
  task: ArchiveTask
  /** Bytes of its archive. */
  size: number
}

export type ProduceLayers = (tasks: readonly ArchiveTask[], ring: RingMemory) => Promise<unknown>

interface Place {
  production: Production
  known: QueuedLayer | undefined
}

export type Write = (bytes: Uint8Array) => void | Promise<void>

/** How much is produced together at most, unless one layer is larger. */
const BATCH_BYTES = 4 << 20

/** How many slots are passed on before other events get their turn. */
const SLOTS_A_TURN = 4

export class Streamer {
  private readonly ring = createRing()
  private readonly reader = new RingReader(this.ring)
  private last: Promise<void> = Promise.resolve()
  private closed: ImageError | undefined
  private stopWaiting: () => void = () => {}
  private readonly closing = new Promise<void>((resolve) => {
    this.stopWaiting = resolve
  })
  /** Store layers whose turn has not come, in order. */
  private readonly places: Place[] = []

  /**
   * Queues a producer behind those before it.
   * @param produce fills the ring; called when the ring is its own
   */
  enqueue(produce: (ring: RingMemory) => Promise<unknown>): Production {
    const production = newProduction()
    production.finished = this.queue(() => this.produce([production], produce))
    return production
  }

  /**
   * Queues a store layer's producer. Layers that are known when their turn comes are produced together
   * when they are small, since asking a worker takes longer than a small layer does.
   * @param layer resolves when the layer's checksum is known
   */
  enqueueLayer(layer: Promise<QueuedLayer>, produce: ProduceLayers): Production {
    const place: Place = { production: newProduction(), known: undefined }
    this.places.push(place)
    layer.then(
      (known) => {
        place.known = known
      },
      () => {},
    )
    place.production.finished = this.queue(async () => {
      if (place.production.done) return
      const failed = await layer.then(
        () => false,
        () => true,
      )
      const batch = failed ? [place] : this.takeBatch(place)
      for (const { production } of batch.slice(0, -1)) production.finished = Promise.resolve()
      await this.produce(
        batch.map(({ production }) => production),
        async (ring) => {
          await layer
          await produce(
            batch.map(({ known }) => known!.task),
            ring,
          )
        },
      )
    })
    return place.production
  }

  /** The layer, and the known ones behind it up to a few megabytes. */
  private takeBatch(first: Place): Place[] {
    this.places.splice(0, this.places.indexOf(first) + 1)
    const batch = [first]
    let bytes = first.known!.size
    for (let next = this.places[0]; next?.known !== undefined; next = this.places[0]) {
      bytes += next.known.size
      if (bytes > BATCH_BYTES) break
      batch.push(next)
      this.places.shift()
    }
    return batch
  }

  private queue(step: () => Promise<void>): Promise<void> {
    this.last = this.last.then(step)
    return this.last
  }

  private async produce(
    productions: readonly Production[],
    run: (ring: RingMemory) => Promise<unknown>,
  ): Promise<void> {
    let error: ImageError | undefined
    try {
      if (this.closed === undefined) await run(this.ring)
    } catch (thrown) {
      error = asImageError(thrown, 'WORKER_FAILED', 'producing a layer failed')
    }
    for (const production of productions) Object.assign(production, { done: true, error })
    this.reader.wake()
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
    await Promise.race([production.finished, this.closing])
    if (this.closed !== undefined) throw this.closed
    if (production.error !== undefined) throw production.error
  }

  /** Makes producers and consumers stop; they fail with `reason`. */
  close(reason: ImageError): void {
    this.closed ??= reason
    this.stopWaiting()
    this.reader.close()
  }
}

function tooFew(expected: number, found: number): ImageError {
  return new ImageError('WORKER_FAILED', `a worker produced ${found} bytes of a layer, expected ${expected}`)
}

function newProduction(): Production {
  return { done: false, error: undefined, finished: Promise.resolve() }
}
