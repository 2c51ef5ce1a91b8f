/**
 * The Piscina pool behind a build. Checksum passes of all layers run on it at once, bounded by p-limit to
 * one thread less than the pool has, so that the streaming pass always finds a free worker.
 */
import { fileURLToPath } from 'node:url'
import pLimit, { type LimitFunction } from 'p-limit'
import { Piscina } from 'piscina'
import { fromWire, ImageError } from '../errors.js'
import type { Reply, Tasks } from '../layers/tasks.js'

type Input<K extends keyof Tasks> = Tasks[K]['input']
type Output<K extends keyof Tasks> = Tasks[K]['output']

const WORKER = fileURLToPath(new URL('../../workers/layer.js', import.meta.url))

export class LayerPool {
  private readonly piscina: Piscina
  private readonly limit: LimitFunction

  /** @param threads how many checksum passes may run at once */
  constructor(threads: number) {
    this.limit = pLimit(threads)
    this.piscina = new Piscina({
      filename: WORKER,
      minThreads: 1,
      maxThreads: threads + 1,
      // Workers stay until the build ends; the count grows only when tasks wait.
      idleTimeout: Number.POSITIVE_INFINITY,
      recordTiming: false,
    })
  }

  /** Runs a task of the checksum pass when one of its threads is free. */
  checksumPass<K extends keyof Tasks>(kind: K, input: Input<K>): Promise<Output<K>> {
    return this.limit(() => this.run(kind, input))
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
      throw new ImageError('WORKER_FAILED', `a worker thread failed at the task "${kind}": ${reason}`, { cause: error })
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
