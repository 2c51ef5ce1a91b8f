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
 * does one pass after the other, and grows when this many bytes were checksummed, or when there is still
 * work this many milliseconds after the first result.
 */
const GROW_BYTES = 16 << 20
const GROW_AFTER = 100

export class LayerPool {
  private readonly piscina: Piscina
  /** One pass at a time until the pool has grown. */
  private readonly limit = pLimit(1)
  private readonly grown = withResolvers()
  private bytes = 0
  private readonly passes: Promise<unknown>[] = []

  /** @param threads how many checksum passes may run at once */
  constructor(private readonly threads: number) {
    this.piscina = new Piscina({
      filename: WORKER,
      minThreads: 1,
      maxThreads: threads + 1,
      // Workers stay until the build ends; their number grows only when tasks wait.
      idleTimeout: Number.POSITIVE_INFINITY,
      recordTiming: false,
    })
  }

  /** Runs a task of the checksum pass when one of its threads is free. */
  checksumPass<K extends 'checksum' | 'openCustomisation'>(kind: K, input: Input<K>): Promise<Output<K>> {
    const pass = this.limit(async () => {
      const result = await this.run(kind, input)
      this.growWhenWorthIt(result.size)
      return result
    })
    this.passes.push(pass)
    return pass
  }

  /** Runs a task of the streaming pass on the thread that checksum passes leave free. */
  async streamingPass<K extends 'archive' | 'ranges'>(kind: K, input: Input<K>): Promise<Output<K>> {
    await Promise.race([this.grown.promise, Promise.allSettled(this.passes)])
    return this.run(kind, input)
  }

  private growWhenWorthIt(size: number): void {
    const grow = (): void => {
      this.limit.concurrency = this.threads
      this.grown.resolve()
    }
    if (this.bytes === 0) setTimeout(grow, GROW_AFTER).unref()
    this.bytes += size
    if (this.bytes >= GROW_BYTES) grow()
  }

  /**
   * Runs a task now.
   * @throws ImageError the task's own, or WORKER_FAILED when its thread died
   */
  async run<K extends keyof Tasks>(kind: K, input: Input<K>): Promise<Output<K>> {
    let reply: Reply<Output<K>>
    try {
      reply = await this.piscina.run(input, { name: kind })
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      throw new ImageError('WORKER_FAILED', `a worker thread failed at the task "${kind}": ${reason}`, {
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
