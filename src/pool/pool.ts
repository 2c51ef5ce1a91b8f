/**
 * Who gets a thread of the Piscina pool behind a build (`worker-threads`). Checksum passes of all layers wait in one queue, bounded by p-limit: as many
 * run as the pool has threads, and one less while the streaming pass needs a thread. That one always finds one
 * free, because what it waits for is the end of a checksum pass; one that helps ends with the part that it has.
 *
 * A turn that finds nothing queued helps the thread that has the most left to do: to compress a blob, to read what another
 * hashes, or what is streamed; until that is done or a pass needs the thread. So one large layer keeps all threads busy.
 *
 * Threads start when the first passes, which are done on this thread, turn out not to be small.
 */
import { setImmediate } from 'node:timers/promises'
import pLimit from 'p-limit'
import { aborted, fromWire, handled, ImageError, toWire, type WireError } from '../errors.js'
import type { KeptMemory } from '../layers/kept.js'
import type { PieceMemory } from '../layers/pieces.js'
import { isShared, type Production } from '../layers/production.js'
import type { AnyPass, Pass, Reply, Tasks, ThreadWork } from '../layers/tasks.js'
import type { StoreRecipe } from '../model/recipe.js'
import { CLOSED, createRing, READ, type RingMemory } from '../ring/layout.js'
import { Helping, type Job } from './helping.js'
import { Here } from './here.js'
import { compressing, createPiecesFor, reading, sizeToCompress } from './jobs.js'
import { PassQueue } from './pass-queue.js'
import { Spare } from './spare.js'
import { WorkerThreads } from './worker-threads.js'

type Input<K extends keyof Tasks> = Tasks[K]['input']
type Output<K extends keyof Tasks> = Tasks[K]['output']

/** What a thread has done. @param subject what it was about */
export type OnWork = (task: keyof Tasks, subject: string, work: ThreadWork) => void

/**
 * From so many threads on others help to stream. With two, this one and the reader have a core, and a helper is in their
 * way (80 % in the last layer: 4.3 s in place of 3.9 s).
 */
const ENOUGH = 3

export class LayerPool {
  private readonly threads: WorkerThreads
  private readonly limit = pLimit(1)
  private readonly queue = new PassQueue()
  private readonly helping = new Helping()
  private readonly pieces: Spare<PieceMemory>
  private readonly rings = new Spare(createRing)
  private productions = 0
  private readonly here = new Here()
  private streaming = 0

  /**
   * @param threads how many threads there may be
   * @param signal stops what runs, whatever it is doing
   * @param worker the module that the threads run
   * @param onWork told of each task but the smallest; does not throw
   */
  constructor(
    threads: number,
    private readonly signal: AbortSignal,
    worker?: string,
    private readonly onWork: OnWork = () => {},
  ) {
    this.threads = new WorkerThreads(threads, signal, worker)
    this.pieces = new Spare(() => createPiecesFor(threads))
  }

  get isStarted(): boolean {
    return this.threads.isStarted
  }

  /** Has threads start, since there is more to do than this one should. */
  start(): void {
    if (this.isStarted) return
    this.threads.start()
    this.bound()
  }

  /**
   * Queues a task of the checksum pass, or one in its place.
   * @param input or what gives it when its turn has come, and once more for another thread where this one does not do it
   * @param subject what the task is about, for messages
   * @param isLong whether it is thought to take longer than all others
   * @throws ImageError as {@link run}
   */
  pass<K extends Pass>(
    kind: K,
    input: Input<K> | (() => Input<K>),
    subject: string,
    isLong = false,
  ): Promise<Output<K>> {
    const result = new Promise<Output<K>>((resolve, reject) => {
      const settle = (reply: Reply<Output<Pass>>): void => {
        if (reply.work !== undefined) this.onWork(kind, subject, reply.work)
        if (reply.ok) resolve(reply.value as Output<K>)
        else reject(failure(kind, subject, reply.error))
      }
      const pass = (): AnyPass => ({ kind, input: typeof input === 'function' ? input() : input }) as AnyPass
      this.queue.add({ pass, settle }, isLong)
    })
    if (this.limit.activeCount >= this.limit.concurrency) this.helping.dismiss()
    if (isLong) this.start()
    this.askForTurn()
    return result
  }

  /**
   * The checksum pass of one large layer: other threads help to read it when they have nothing else to do.
   * @param memory gives what contents of small files are left in, when its turn has come
   * @param recheck as {@link ChecksumTask}
   */
  async hashTogether(
    recipe: StoreRecipe,
    size: number,
    subject: string,
    memory: () => KeptMemory = () => [],
    recheck = false,
  ): Promise<Output<'hashTogether'>> {
    let ring: RingMemory | undefined
    const production = (): Production => {
      ring = this.rings.take()
      const place = { id: this.nextId(), ring, slot: ring.control[READ]! }
      const kept = [{ memory: memory(), isFilled: false }]
      return { ...place, recipes: [recipe], sizes: [size], recheck, kept }
    }
    const found = await this.pass('hashTogether', production, subject, true)
    if (ring?.control[CLOSED] === 0) this.rings.giveBack(ring)
    return found
  }

  private askForTurn(): void {
    handled(this.limit(() => this.takeTurn()))
  }

  private async takeTurn(): Promise<void> {
    const isDone = await this.queue.runNext(async ({ pass, settle }) => settle(await this.runAnywhere(pass)))
    if (!isDone) return this.help()
    // What waited for a result, the streaming pass maybe, takes the thread before the next pass does.
    if (this.isStarted) await setImmediate()
    if (this.helping.isWanted) this.askForTurn()
  }

  /** Whoever asked gets a reply, whatever happens. */
  private async runAnywhere(pass: () => AnyPass): Promise<Reply<Output<Pass>>> {
    try {
      return (await this.runHere(pass)) ?? (await this.runOnThread(pass()))
    } catch (error) {
      return { ok: false, error: toWire(error) }
    }
  }

  private async runHere(pass: () => AnyPass): Promise<Reply<Output<Pass>> | undefined> {
    if (this.isStarted) return undefined
    if (this.signal.aborted) return { ok: false, error: toWire(aborted(this.signal.reason)) }
    const reply = await this.here.run(pass())
    if (reply === undefined) this.start()
    return reply
  }

  private async runOnThread(pass: AnyPass): Promise<Reply<Output<Pass>>> {
    if (pass.kind === 'hashTogether')
      return this.withHelp(reading(pass.input), () => this.ask(pass.kind, pass.input))
    const size = this.threads.most === 1 ? 0 : sizeToCompress(pass)
    if (pass.kind !== 'blob' || size === 0) return this.ask(pass.kind, pass.input)
    const pieces = this.pieces.take()
    const reply = await this.withHelp(compressing(pieces, size), () =>
      this.ask('blob', { ...pass.input, pieces }),
    )
    if (reply.ok) this.pieces.giveBack(pieces)
    return reply
  }

  /** Has a thread do the job, and others that have nothing to do help. */
  private async withHelp<T>(job: Job, run: () => Promise<Reply<T>>): Promise<Reply<T>> {
    const helpers = this.helping.add(job)
    const running = run()
    this.askForHelp()
    const reply = await running
    this.helping.remove(job)
    if (!reply.ok) job.forsake()
    await helpers.gone()
    return reply
  }

  /** Lets threads that have nothing to do help. */
  private askForHelp(): void {
    const { limit } = this
    if (!this.helping.isWanted) return
    for (let turns = limit.activeCount + limit.pendingCount; turns < limit.concurrency; turns++)
      this.askForTurn()
  }

  private async help(): Promise<void> {
    if (!this.helping.isWanted) return
    await this.helping.help(async (help) => {
      const reply = await this.ask('help', help)
      if (reply.work !== undefined) this.onWork('help', 'a large layer', reply.work)
      if (!reply.ok) throw failure('help', 'a large layer', reply.error)
    })
    this.askForTurn()
  }

  /**
   * Runs the streaming pass on a thread that it takes from checksum passes; others help where they can.
   * @throws ImageError as {@link run}
   */
  async stream(archives: Omit<Input<'stream'>, 'id'>, subject: string): Promise<Output<'stream'>> {
    const input = { ...archives, id: this.nextId() }
    this.start()
    this.streaming++
    this.bound()
    try {
      if (!isShared(input, input.isHashed)) return await this.run('stream', input, subject)
      return await this.streamTogether(input, subject)
    } finally {
      this.streaming--
      this.bound()
    }
  }

  private async streamTogether(input: Input<'stream'>, subject: string): Promise<Output<'stream'>> {
    // A job is announced, also where nobody helps: its parts are then claimed by one thread.
    const job = reading(input)
    if (this.threads.most < ENOUGH) return this.run('stream', input, subject)
    const helpers = this.helping.add(job)
    try {
      const running = this.run('stream', input, subject)
      this.askForHelp()
      const ended = running.then(async () => {
        this.helping.remove(job)
        await helpers.gone()
      })
      await Promise.race([handled(ended), helpers.failed])
      // One that failed while the others were waited for.
      await Promise.race([helpers.failed, undefined])
      return undefined
    } finally {
      this.helping.remove(job)
    }
  }

  private nextId(): string {
    return `${this.productions++}`
  }

  private bound(): void {
    this.limit.concurrency = Math.max(1, this.threads.most - Math.min(1, this.streaming))
    if (this.limit.activeCount > this.limit.concurrency) this.helping.dismiss()
  }

  /**
   * Runs a task now.
   * @param subject what the task is about, for messages
   * @throws ImageError the task's own, or WORKER_FAILED when its thread died
   */
  async run<K extends keyof Tasks>(kind: K, input: Input<K>, subject: string): Promise<Output<K>> {
    this.start()
    const reply = await this.ask(kind, input)
    if (kind !== 'slice' && reply.work !== undefined) this.onWork(kind, subject, reply.work)
    if (!reply.ok) throw failure(kind, subject, reply.error)
    return reply.value
  }

  private ask<K extends keyof Tasks>(kind: K, input: Input<K>): Promise<Reply<Output<K>>> {
    if (kind !== 'help' && !this.threads.isOneFree) this.helping.dismiss()
    return this.threads.ask(kind, input)
  }

  /** Stops all threads, whatever they are doing. */
  async close(): Promise<void> {
    this.limit.clearQueue()
    await this.threads.close()
  }
}

function failure(kind: string, subject: string, wire: WireError): ImageError {
  const error = fromWire(wire)
  if (error.code !== 'WORKER_FAILED') return error
  return new ImageError('WORKER_FAILED', `${subject}: its worker thread failed (${kind}): ${error.message}`, {
    cause: error,
  })
}
