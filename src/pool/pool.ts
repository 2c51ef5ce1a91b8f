/**
 * The Piscina pool behind a build. Checksum passes of all layers run on it at once, bounded by p-limit: to
 * as many as the pool has threads, and to one less while the streaming pass needs a thread. That one always
 * finds it free, because what it waits for is the end of a checksum pass.
 */
import { setImmediate } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import pLimit from 'p-limit'
import { Piscina } from 'piscina'
import { fromWire, ImageError } from '../errors.js'
import type { Reply, Tasks } from '../layers/tasks.js'

type Input<K extends keyof Tasks> = Tasks[K]['input']
type Output<K extends keyof Tasks> = Tasks[K]['output']

const WORKER = fileURLToPath(new URL('../../workers/layer.js', import.meta.url))

/**
 * A small image is done before a second thread would have started. So a pool begins with one thread, which
 * does one pass after the other, and grows when this many bytes were checksummed, or this many milliseconds
 * after it was made (up to a half of them pass until the first thread runs).
 */
const GROW_BYTES = 16 << 20
const GROW_AFTER = 300

export class LayerPool {
  private readonly piscina: Piscina
  /** One pass at a time until the pool has grown. */
  private readonly limit = pLimit(1)
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

  /** Runs a task of the checksum pass, or one in its place, when one of its threads is free. */
  checksumPass<K extends 'checksum' | 'plan' | 'blob' | 'openCustomisation'>(
    kind: K,
    input: Input<K>,
    subject: string,
  ): Promise<Output<K>> {
    const pass = new Promise<Output<K>>((resolve, reject) => {
      this.limit(async () => {
        const running = this.run(kind, input, subject)
        running.then(resolve, reject)
        this.bytes += (await running).size
        if (this.bytes >= GROW_BYTES) this.grow()
        // What waited for this result, the streaming pass maybe, takes the thread before the next pass does.
        if (this.isGrown) await setImmediate()
      }).catch(() => {})
    })
    this.passes.push(pass)
    return pass
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
    let reply: Reply<Output<K>>
    try {
      reply = await this.piscina.run(input, { name: kind })
    } catch (error) {
      throw threadFailed(kind, subject, error)
    }
    if (!reply.ok) {
      const error = fromWire(reply.error)
      throw error.code === 'WORKER_FAILED' ? threadFailed(kind, subject, error) : error
    }
    return reply.value
  }

  /** Stops all threads, whatever they are doing. */
  async close(): Promise<void> {
    this.limit.clearQueue()
    await this.piscina.destroy()
  }
}

function threadFailed(kind: string, subject: string, cause: unknown): ImageError {
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new ImageError('WORKER_FAILED', `${subject}: its worker thread failed (${kind}): ${reason}`, {
    cause,
  })
}

function withResolvers(): { promise: Promise<void>; resolve: () => void } {
  let resolve = (): void => {}
  const promise = new Promise<void>((done) => {
    resolve = done
  })
  return { promise, resolve }
}
