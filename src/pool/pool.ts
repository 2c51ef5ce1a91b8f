/**
 * The Piscina pool behind a build. Checksum passes of all layers run on it at once, bounded by p-limit to
 * one thread less than the pool has, so that the streaming pass always finds a free worker.
 */
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
  private bytes = 0
  private readonly passes: Promise<unknown>[] = []

  /**
   * @param threads how many checksum passes may run at once
   * @param worker the module that the threads run
   */
  constructor(
    private readonly threads: number,
    worker = WORKER,
  ) {
    this.piscina = new Piscina({
      filename: worker,
      minThreads: 1,
      maxThreads: threads + 1,
      // Workers stay until the build ends; their number grows only when tasks wait.
      idleTimeout: Number.POSITIVE_INFINITY,
      recordTiming: false,
    })
    setTimeout(() => this.grow(), GROW_AFTER).unref()
  }

  /** Runs a task of the checksum pass when one of its threads is free. */
  checksumPass<K extends 'checksum' | 'openCustomisation'>(
    kind: K,
    input: Input<K>,
    subject: string,
  ): Promise<Output<K>> {
    const pass = this.limit(async () => {
      const result = await this.run(kind, input, subject)
      this.bytes += result.size
      if (this.bytes >= GROW_BYTES) this.grow()
      return result
    })
    this.passes.push(pass)
    return pass
  }

  /** Runs a task of the streaming pass on the thread that checksum passes leave free. */
  async streamingPass<K extends 'archive' | 'ranges'>(
    kind: K,
    input: Input<K>,
    subject: string,
  ): Promise<Output<K>> {
    await Promise.race([this.grown.promise, Promise.allSettled(this.passes)])
    return this.run(kind, input, subject)
  }

  private grow(): void {
    this.limit.concurrency = this.threads
    this.grown.resolve()
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
      const reason = error instanceof Error ? error.message : String(error)
      throw new ImageError('WORKER_FAILED', `${subject}: its worker thread failed (${kind}): ${reason}`, {
        cause: error,
      })
    }
    if (!reply.ok) throw fromWire(reply.error)
    return reply.value
  }

  /** Stops all threads, whatever they are doing. */
  async close(): Promise<void> {
    this.limit.clearQueue()
    await this.piscina.destroy()
  }
}

function withResolvers(): { promise: Promise<void>; resolve: () => void } {
  let resolve = (): void => {}
  const promise = new Promise<void>((done) => {
    resolve = done
  })
  return { promise, resolve }
}
