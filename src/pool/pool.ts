/**
 * The Piscina pool behind a build. Checksum passes of all layers run on it at once, bounded by p-limit: to
 * as many as the pool has threads, and to one less while the streaming pass needs a thread. That one always
 * finds it free, because what it waits for is the end of a checksum pass.
 */
import { setImmediate } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import pLimit from 'p-limit'
import { Piscina } from 'piscina'
import { fromWire, ImageError, toWire, type WireError } from '../errors.js'
import type { AnyPass, Pass, Reply, Tasks } from '../layers/tasks.js'

type Input<K extends keyof Tasks> = Tasks[K]['input']
type Output<K extends keyof Tasks> = Tasks[K]['output']

/** A pass that waits for a thread. */
interface Waiting {
  pass: AnyPass
  /** What it is about, for messages. */
  subject: string
  settle(reply: Reply<Output<Pass>>): void
}

const WORKER = fileURLToPath(new URL('../../workers/layer.js', import.meta.url))

/**
 * A small image is done before a second thread would have started. So a pool begins with one thread, which
 * does one pass after the other, and grows when this many bytes were checksummed, or this many milliseconds
 * after it was made (up to a half of them pass until the first thread runs).
 */
const GROW_BYTES = 16 << 20
const GROW_AFTER = 300

/** How many passes a thread is given at once while it is the only one: asking takes longer than a small layer. */
const TOGETHER = 32

export class LayerPool {
  private readonly piscina: Piscina
  /** One thread until the pool has grown. */
  private readonly limit = pLimit(1)
  private readonly waiting: Waiting[] = []
  private readonly grown = withResolvers()
  private isGrown = false
  private streaming = 0
  private bytes = 0
  private readonly passes: Promise<unknown>[] = []

  /**
   * @param threads how many threads there may be
   * @param worker the module that the threads run
   */
  constructor(
    private readonly threads: number,
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
    // Each task tells of its own failure; what is left are results that nobody waits for once it is closed.
    this.piscina.on('error', () => {})
    setTimeout(() => this.grow(), GROW_AFTER).unref()
  }

  /**
   * Runs a task of the checksum pass, or one in its place, when one of its threads is free.
   * @param subject what the task is about, for messages
   */
  checksumPass<K extends Pass>(kind: K, input: Input<K>, subject: string): Promise<Output<K>> {
    const result = new Promise<Output<K>>((resolve, reject) => {
      const settle = (reply: Reply<Output<Pass>>): void => {
        if (reply.ok) resolve(reply.value as Output<K>)
        else reject(failure(kind, subject, reply.error))
      }
      this.waiting.push({ pass: { kind, input } as AnyPass, subject, settle })
    })
    this.passes.push(result)
    this.enqueue()
    return result
  }

  /** At least one turn for each pass that waits; passes done together leave turns with nothing to do. */
  private enqueue(): void {
    this.limit(() => this.runWaiting()).catch(() => {})
  }

  private async runWaiting(): Promise<void> {
    const batch = this.waiting.splice(0, this.isGrown ? 1 : TOGETHER)
    if (batch.length === 0) return
    const running = new Int32Array(new SharedArrayBuffer(4))
    const reply = await this.ask('several', { passes: batch.map(({ pass }) => pass), running })
    if (reply.ok) {
      for (const done of reply.value) {
        if (done.ok) this.bytes += done.value.size
        batch.shift()!.settle(done)
      }
    } else batch.splice(running[0]!, 1)[0]!.settle(reply)
    if (this.bytes >= GROW_BYTES) this.grow()
    this.waiting.unshift(...batch)
    for (const _ of batch) this.enqueue()
    // What waited for a result, the streaming pass maybe, takes the thread before the next pass does.
    if (this.isGrown) await setImmediate()
  }

  /** Runs a task of the streaming pass on a thread that it takes from checksum passes. */
  async streamingPass<K extends 'archive' | 'ranges'>(
    kind: K,
    input: Input<K>,
    subject: string,
  ): Promise<Output<K>> {
    await Promise.race([this.grown.promise, Promise.allSettled(this.passes)])
    this.streaming++
    this.bound()
    try {
      return await this.run(kind, input, subject)
    } finally {
      this.streaming--
      this.bound()
    }
  }

  private grow(): void {
    this.isGrown = true
    this.bound()
    this.grown.resolve()
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
      return await this.piscina.run(input, { name: kind })
    } catch (error) {
      return { ok: false, error: toWire(error) }
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
