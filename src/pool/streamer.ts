/**
 * The streaming pass, seen from the main thread: layers' archives come out of one ring in order. A layer's
 * archive is produced as soon as its recipe is known and the producer before it is done, so at layer boundaries
 * the ring does not run dry.
 */
import { setImmediate } from 'node:timers/promises'
import { asImageError, handled, ImageError } from '../errors.js'
import type { Production } from '../layers/production.js'
import { copyPlainRange } from '../layers/ranges.js'
import type { Sink } from '../layers/sink.js'
import type { Write } from '../model/destination.js'
import type { Digest } from '../model/digest.js'
import type { KeptContents } from '../model/layer.js'
import type { FileRange, Recipe } from '../model/recipe.js'
import { createRing } from '../ring/layout.js'
import { slotsOf } from '../ring/parts.js'
import { RingReader } from '../ring/reader.js'
import { BLOCK } from '../tar/header.js'

/** Has threads write archives into the ring, one after the other. @returns their digest, where asked for */
export type Produce = (production: Omit<Production, 'id'>, isHashed: boolean) => Promise<Digest | undefined>

/** Writes a recipe's archive into a sink, on this thread. */
export interface Here {
  /** Whether a layer is for this thread: asking another takes longer than making it. */
  isFor(planned: Planned): boolean
  write(recipe: Recipe, sink: Sink): Promise<void>
}

/** A layer's recipe, and the size of its archive in bytes. */
export interface Planned {
  recipe: Recipe
  size: number
  /** Whether the thread that reads it takes its digest, too. */
  isHashed?: boolean
  /** Contents that need not be read again. */
  kept?: KeptContents | undefined
}

/** A layer's progress. */
export interface Progress {
  done: boolean
  error: ImageError | undefined
  /** It is produced by whoever takes it. */
  isHere: boolean
  /** Of what was produced, where it was asked for. */
  digest?: Digest | undefined
  /** Resolves when it is done, with or without an error; at once when a later layer of its batch waits for that. */
  finished: Promise<void>
}

/** A layer whose turn has not come. */
interface Queued {
  production: Progress
  /** Set when it is known. */
  planned: Planned | undefined
}

/**
 * Small layers that follow each other are produced together, up to this many bytes, since asking a thread takes
 * longer than a small layer does (60 small layers: 10 ms of 230).
 */
const BATCH_BYTES = 4 << 20

/** Bytes: most small layers have less. */
const LEAST = 256 << 10

/** How many slots are passed on before other events get their turn. */
const SLOTS_A_TURN = 4

export class Streamer {
  private readonly ring = createRing()
  private readonly reader = new RingReader(this.ring)
  /** The number of the slot in which the next archive begins. */
  private slot = 0
  private last: Promise<void> = Promise.resolve()
  private closed: ImageError | undefined
  /** What a producer failed with: nothing more is produced. */
  private failed: ImageError | undefined
  private stopWaiting: () => void = () => {}
  private readonly closing = new Promise<void>((resolve) => {
    this.stopWaiting = resolve
  })
  private readonly queue: Queued[] = []
  /** For layers that are made here. */
  private archive = Buffer.alloc(0)

  constructor(
    private readonly produce: Produce,
    private readonly here?: Here,
  ) {}

  /** Queues a layer behind those before it. */
  enqueue(planning: Promise<Planned>): Progress {
    const production: Progress = {
      ...{ done: false, error: undefined, isHere: false },
      finished: Promise.resolve(),
    }
    const queued: Queued = { production, planned: undefined }
    this.queue.push(queued)
    const known = planning.then((planned) => {
      queued.planned = planned
      production.isHere = !needsNone(planned) && this.here?.isFor(planned) === true
    })
    handled(known)
    production.finished = this.last = this.last.then(() => this.takeTurn(queued, known))
    return production
  }

  private async takeTurn(first: Queued, known: Promise<void>): Promise<void> {
    if (first.production.done) return
    let batch = [first]
    let error: ImageError | undefined
    let digest: Digest | undefined
    try {
      await known
      if (needsNone(first.planned!) || first.production.isHere) {
        this.queue.splice(0, this.queue.indexOf(first) + 1)
        return
      }
      batch = this.takeBatch(first)
      for (const { production } of batch.slice(0, -1)) production.finished = Promise.resolve()
      const planned = batch.map((it) => it.planned!)
      // Threads of what failed may still be at the ring.
      if (this.failed !== undefined) throw this.failed
      if (this.closed === undefined) digest = await this.produceAll(planned)
    } catch (thrown) {
      error = asImageError(thrown, 'WORKER_FAILED', 'producing a layer failed')
      this.failed ??= error
    }
    for (const { production } of batch) Object.assign(production, { done: true, error, digest })
    this.reader.wake()
  }

  private async produceAll(planned: readonly Planned[]): Promise<Digest | undefined> {
    const { ring, slot } = this
    const recipes = planned.map(({ recipe }) => recipe)
    const sizes = planned.map(({ size }) => size)
    this.slot = sizes.reduce((next, size) => next + slotsOf(size), slot)
    const kept = planned.map((it) => it.kept && { memory: it.kept.take(), isFilled: true })
    const isHashed = planned[0]!.isHashed === true
    const digest = await this.produce({ recipes, sizes, ring, slot, recheck: true, kept }, isHashed)
    // Nobody reads it any more; where producing failed, somebody may.
    for (const [i, it] of kept.entries()) if (it !== undefined) planned[i]!.kept?.giveBack(it.memory)
    return digest
  }

  /** The layer, and the known ones behind it: a few megabytes, or what comes out of the same packed file. One that is hashed is alone. */
  private takeBatch(first: Queued): Queued[] {
    this.queue.splice(0, this.queue.indexOf(first) + 1)
    const batch = [first]
    if (first.planned!.isHashed) return batch
    let bytes = first.planned!.size
    for (let next = this.queue[0]; next?.planned !== undefined; next = this.queue[0]) {
      if (needsNone(next.planned) || next.production.isHere || next.planned.isHashed) break
      bytes += next.planned.size
      if (bytes > BATCH_BYTES && !sameFile(first.planned!.recipe, next.planned.recipe)) break
      batch.push(next)
      this.queue.shift()
    }
    return batch
  }

  /**
   * Passes a layer's bytes on when those before it are through. A part of a plain file that is not hashed needs no
   * producer: reading it here takes less than handing it over.
   * @returns their digest, where it was asked for
   * @throws ImageError the producer's, or what the streamer was closed with
   */
  async bytes(production: Progress, planned: Planned, write: Write): Promise<Digest | undefined> {
    const { recipe, size } = planned
    if (needsNone(planned)) {
      if (isPlain(recipe)) await copyPlainRange(recipe, write)
      return undefined
    }
    if (production.isHere) {
      await this.writeHere(planned, write)
      return undefined
    }
    await this.copy(production, size, write)
    await this.settled(production)
    return production.digest
  }

  /**
   * Passes the next `size` bytes on; a piece is valid only until `write` is done with it.
   * @throws ImageError the producer's, or what the streamer was closed with
   */
  private async copy(production: Progress, size: number, write: Write): Promise<void> {
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

  /** Makes a small layer, and passes it on. @throws ImageError */
  private async writeHere({ recipe, size }: Planned, write: Write): Promise<void> {
    if (this.closed !== undefined) throw this.closed
    // Memory that is taken anew for each layer would be collected in the middle of them.
    if (this.archive.length < size) this.archive = Buffer.allocUnsafe(Math.max(size, LEAST))
    const { archive } = this
    const beyond = archive.subarray(0, BLOCK)
    let at = 0
    await this.here!.write(recipe, {
      lend: () => (at < size ? archive.subarray(at, size) : beyond),
      accept: (used) => {
        at += used
      },
    })
    if (at !== size) throw tooFew(size, at)
    await write(archive.subarray(0, size))
  }

  /** Waits until the producer has also made its last checks. @throws ImageError the producer's */
  private async settled(production: Progress): Promise<void> {
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

/** Whether there is nothing for a producer to do. */
function needsNone({ recipe, size, isHashed }: Planned): boolean {
  return !isHashed && (size === 0 || isPlain(recipe))
}

export function isPlain(recipe: Recipe): recipe is FileRange {
  return recipe.kind === 'range' && recipe.compression === 'none'
}

/** Whether one pass of decompression serves both. */
function sameFile(a: Recipe, b: Recipe): boolean {
  return a.kind === 'range' && b.kind === 'range' && a.compression !== 'none' && a.path === b.path
}

function tooFew(expected: number, found: number): ImageError {
  return new ImageError('WORKER_FAILED', `a worker produced ${found} bytes of a layer, expected ${expected}`)
}
