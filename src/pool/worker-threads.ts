/** The threads that run tasks: a Piscina pool, which starts when it is first needed. */
import { fileURLToPath } from 'node:url'
import type { Piscina } from 'piscina'
import { aborted, handled, toWire } from '../errors.js'
import type { Reply, Tasks } from '../layers/tasks.js'

/** One file of CommonJS (`bundle.mjs`). */
const WORKER = fileURLToPath(new URL('../../workers/layer.cjs', import.meta.url))

export class WorkerThreads {
  private piscina: Promise<Piscina> | undefined
  /** Tasks that threads have, or wait for one. */
  private asked = 0

  /**
   * @param most how many there may be
   * @param signal stops what runs, whatever it is doing
   * @param worker the module that they run
   */
  constructor(
    readonly most: number,
    private readonly signal: AbortSignal,
    private readonly worker = WORKER,
  ) {}

  get isStarted(): boolean {
    return this.piscina !== undefined
  }

  /** Whether a task would be run at once. */
  get isOneFree(): boolean {
    return this.asked < this.most
  }

  start(): void {
    this.piscina ??= handled(this.startPiscina())
  }

  /** @returns also when a thread died: that as a failed reply */
  async ask<K extends keyof Tasks>(kind: K, input: Tasks[K]['input']): Promise<Reply<Tasks[K]['output']>> {
    this.start()
    this.asked++
    try {
      const piscina = await this.piscina!
      return await piscina.run(input, { name: kind, signal: this.signal })
    } catch (error) {
      return { ok: false, error: toWire(this.signal.aborted ? aborted(this.signal.reason) : error) }
    } finally {
      this.asked--
    }
  }

  /** Stops all threads, whatever they are doing. */
  async close(): Promise<void> {
    await (await this.piscina)?.destroy()
  }

  private async startPiscina(): Promise<Piscina> {
    const { Piscina } = await import('piscina')
    const piscina = new Piscina({
      filename: this.worker,
      // A worker that looks up no task while it starts would look for it as an ES module too.
      name: 'checksum',
      // None but for tasks: Piscina would replace a thread that was stopped, even after all were to end.
      minThreads: 0,
      maxThreads: this.most,
      // Workers stay until the build ends; their number grows only when tasks wait.
      idleTimeout: Number.POSITIVE_INFINITY,
      recordTiming: false,
    })
    // Each task tells of its own failure; what is left are results that nobody waits for once it is closed.
    piscina.on('error', () => {})
    return piscina
  }
}
