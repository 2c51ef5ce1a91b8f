/**
 * The Piscina pool behind a build. Checksum passes of all layers wait in one queue, bounded by p-limit: as many
 * run as the pool has threads, and one less while the streaming pass needs a thread. That one always finds it
 * free, because what it waits for is the end of a checksum pass.
 *
 * A turn that finds nothing queued helps the thread with the most to compress, for a tenth of a second; so one large
 * layer keeps all threads busy, and who else needs one soon has it.
 *
 * A small image is done before a second thread would have started. So a pool begins with one thread, which is
 * given waiting passes in batches, and grows to all of them when there turns out to be more to do.
 */
import { setImmediate } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import pLimit from 'p-limit'
import { Piscina } from 'piscina'
import { aborted, fromWire, handled, ImageError, toWire, type WireError } from '../errors.js'
import type { AnyPass, Pass, Reply, Tasks } from '../layers/tasks.js'
import { Helping } from './helping.js'

type Input<K extends keyof Tasks> = Tasks[K]['input']
type Output<K extends keyof Tasks> = Tasks[K]['output']

/** A pass that waits for a thread. */
interface QueuedPass {
  pass: AnyPass
  settle(reply: Reply<Output<Pass>>): void
}

const WORKER = fileURLToPath(new URL('../../workers/layer.js', import.meta.url))

/**
 * What makes a pool grow: this many bytes were checksummed, or this many milliseconds passed since it was made (up
 * to a half of them until the first thread runs). 60 small layers: 0.23 s so, 0.29 s with two threads from the start.
 */
const GROW_BYTES = 16 << 20
const GROW_AFTER = 300

/** Passes in a batch: asking a thread takes longer than a small layer does (60 small layers: 10 ms of 230). */
const BATCH = 32

export class LayerPool {
  private readonly piscina: Piscina
  private readonly limit = pLimit(1)
  private readonly queue: QueuedPass[] = []
  /** Passes that everything will wait for: begun beside the others, not behind them. */
  private readonly long: QueuedPass[] = []
  private batches = 0
  /** Those that are not done. */
  private readonly passes = new Set<Promise<unknown>>()
  private readonly helping: Helping
  private readonly grown = withResolvers()
  private isGrown = false
  private streaming = 0
  private bytes = 0

  /**
   * @param threads how many threads there may be
   * @param signal stops what runs, whatever it is doing
   * @param worker the module that the threads run
   */
  constructor(
    private readonly threads: number,
    private readonly signal: AbortSignal,
    worker = WORKER,
  ) {
    this.piscina = new Piscina({
      filename: worker,
      // A worker that looks up no task while it starts would look for it as an ES module too.
      name: 'checksum',
      minThreads: 1,
      maxThreads: threads,
      // Workers stay until the build ends; their number grows only when tasks wait.
      idleTimeout: Number.POSITIVE_INFINITY,
      recordTiming: false,
    })
    this.helping = new Helping(threads)
    // Each task tells of its own failure; what is left are results that nobody waits for once it is closed.
    this.piscina.on('error', () => {})
    setTimeout(() => this.grow(), GROW_AFTER).unref()
  }

  /**
   * Queues a task of the checksum pass, or one in its place.
   * @param subject what the task is about, for messages
   * @param isLong whether it is thought to take longer than all others
   * @throws ImageError as {@link run}
   */
  pass<K extends Pass>(kind: K, input: Input<K>, subject: string, isLong = false): Promise<Output<K>> {
    const result = new Promise<Output<K>>((resolve, reject) => {
      const settle = (reply: Reply<Output<Pass>>): void => {
        if (reply.ok) resolve(reply.value as Output<K>)
        else reject(failure(kind, subject, reply.error))
      }
      const queue = isLong ? this.long : this.queue
      queue.push({ pass: { kind, input } as AnyPass, settle })
    })
    if (isLong) this.grow()
    this.passes.add(result)
    const done = (): void => void this.passes.delete(result)
    result.then(done, done)
    this.askForTurn()
    return result
  }

  /** Each pass that is queued asks for a turn of a thread; a batch leaves some turns with nothing to do. */
  private askForTurn(): void {
    handled(
      this.limit(() => (this.queue.length + this.long.length > 0 ? this.runBatch() : this.help())),
    )
  }

  /** Lets threads that have nothing to do help. */
  private askForHelp(): void {
    const { limit } = this
    if (!this.helping.isWanted) return
    for (let turns = limit.activeCount + limit.pendingCount; turns < limit.concurrency; turns++)
      this.askForTurn()
  }

  private async help(): Promise<void> {
    await this.helping.help((pieces) => this.ask('help', pieces))
    if (this.helping.isWanted) this.askForTurn()
  }

  /** One thread always has the passes in their order, since the streaming pass waits for the first of them. */
  private nextBatch(): QueuedPass[] {
    const isFirst = this.batches === 0 && this.queue.length > 0
    const from = isFirst || this.long.length === 0 ? this.queue : this.long
    return from.splice(0, this.isGrown ? 1 : BATCH)
  }

  private async runBatch(): Promise<void> {
    const batch = this.nextBatch()
    this.batches++
    const passes = batch.map(({ pass }) => pass)
    const running = new Int32Array(new SharedArrayBuffer(4))
    const pieces = this.helping.lend(passes)
    const asking = this.ask('several', { passes, running, pieces })
    this.askForHelp()
    const reply = await asking
    this.batches--
    if (pieces !== undefined) this.helping.takeBack(pieces, reply.ok)
    if (reply.ok) {
      for (const done of reply.value) {
        if (done.ok) this.bytes += done.value.size
        batch.shift()!.settle(done)
      }
    } else batch.splice(running[0]!, 1)[0]!.settle(reply)
    if (this.bytes >= GROW_BYTES) this.grow()
    // The thread gives back what it has no time for, and what was lost when it died.
    this.queue.unshift(...batch)
    for (const _ of batch) this.askForTurn()
    // What waited for a result, the streaming pass maybe, takes the thread before the next pass does.
    if (this.isGrown) await setImmediate()
    if (this.queue.length === 0 && this.helping.isWanted) this.askForTurn()
  }

  /** Runs the streaming pass on a thread that it takes from checksum passes. @throws ImageError as {@link run} */
  async stream(input: Input<'stream'>, subject: string): Promise<Output<'stream'>> {
    await Promise.race([this.grown.promise, Promise.allSettled(this.passes)])
    this.streaming++
    this.bound()
    try {
      return await this.run('stream', input, subject)
    } finally {
      this.streaming--
      this.bound()
    }
  }

  private grow(): void {
    this.isGrown = true
    this.bound()
    this.grown.resolve()
    this.askForHelp()
  }

  private bound(): void {
    this.limit.concurrency = this.isGrown ? Math.max(1, this.threads - Math.min(1, this.streaming)) : 1
  }

  /**
   * Runs a task now.
   * @param subject what the task is about, for messages
   * @throws ImageError the task's own, or WORKER_FAILED when its thread died
   */
  async run<K extends keyof Tasks>(kind: K, input: Input<K>, subject: string): Promise<Output<K>> {
    const reply = await this.ask(kind, input)
    if (!reply.ok) throw failure(kind, subject, reply.error)
    return reply.value
  }

  /** @returns also when a thread died: that as a failed reply */
  private async ask<K extends keyof Tasks>(kind: K, input: Input<K>): Promise<Reply<Output<K>>> {
    try {
      return await this.piscina.run(input, { name: kind, signal: this.signal })
    } catch (error) {
      return { ok: false, error: toWire(this.signal.aborted ? aborted(this.signal.reason) : error) }
    }
  }

  /** Stops all threads, whatever they are doing. */
  async close(): Promise<void> {
    this.limit.clearQueue()
    await this.piscina.destroy()
  }
}

function failure(kind: string, subject: string, wire: WireError): ImageError {
  const error = fromWire(wire)
  if (error.code !== 'WORKER_FAILED') return error
  return new ImageError('WORKER_FAILED', `${subject}: its worker thread failed (${kind}): ${error.message}`, {
    cause: error,
  })
}

function withResolvers(): { promise: Promise<void>; resolve: () => void } {
  let resolve = (): void => {}
  const promise = new Promise<void>((done) => {
    resolve = done
  })
  return { promise, resolve }
}
