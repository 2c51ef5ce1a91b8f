/**
 * A build into a pipe on a simulated machine: the threads of `src/pool`, the main thread and the reader, with measured costs.
 * Not modelled: what messages between threads take, that the main thread hands out work only between two writes, memory
 * bandwidth and caches that cores share, clocks that fall when all cores work, a kernel whose locks are waited for.
 */
import type { KeptContents } from '../../src/model/layer.js'
import { Keeping, type Lease } from '../../src/pool/keeping.js'
import { hashProduction } from './hashing.js'
import { type Process, runOn } from './machine.js'
import type { Costs, LayerCosts, Way } from './model.js'
import { Pipe } from './pipe.js'
import { Production, partsOf, Ring, slotSizes } from './production.js'

/** The engine's own numbers: `src/pool`, `src/ring`. */
const LARGE_BYTES = 32 << 20
const BATCH_BYTES = 4 << 20
const PARTS_WORTH_HELP = 2.5
const ENOUGH = 3

interface Layer extends LayerCosts {
  /** Whether its digest is known. */
  known: boolean
  kept?: KeptContents
}

/** What is streamed at a time, and what is given back behind it. */
interface Streaming {
  production: Production
  giveBack(): void
}

interface Task {
  isFor(): boolean
  run(): Process
}

/** @returns seconds on the clock until process and reader have ended, and CPU seconds of both */
export function simulateBuild(costs: Costs, way: Way): { seconds: number; cpu: number } {
  const build = new Build(costs, way)
  const threads = Array.from({ length: way.threads }, () => build.thread())
  return runOn(way.cores, [...threads, build.main(), build.reader()])
}

class Build {
  private readonly layers: Layer[]
  private readonly queue: (() => Process)[] = []
  private readonly long: (() => Process)[] = []
  /** What others may help with, and how many do. */
  private readonly jobs = new Map<Production, number>()
  private readonly ring = new Ring()
  private readonly pipe = new Pipe()
  private readonly keeping = new Keeping()
  private turns = 0
  private passes = 0
  /** How many layers have nothing left to hash. */
  private summed = 0
  /** What is produced, or about to be; the number of the next layer and slot. */
  private streaming: Streaming | undefined
  private isAsked = false
  private next = { layer: 0, slot: 0 }
  private started = false
  private ended = false

  constructor(
    private readonly costs: Costs,
    private readonly way: Way,
  ) {
    this.layers = costs.layers.map((layer) => ({ ...layer, known: false }))
  }

  *main(): Process {
    const { costs, way, ring } = this
    yield costs.start
    for (const layer of this.layers) (layer.isMost ? this.long : this.queue).push(() => this.pass(layer))
    this.started = true
    for (const { bytes } of this.layers)
      for (const size of slotSizes(bytes)) {
        yield { until: () => ring.isFilled(ring.read) }
        if (way.known === 'compared') yield size * costs.hash
        yield* this.pipe.write(size, costs.write)
        ring.release()
      }
    yield { until: () => this.summed === this.layers.length }
    this.ended = true
  }

  reader(): Process {
    return this.pipe.take(this.costs.take, () => this.ended)
  }

  *thread(): Process {
    yield { until: () => this.started }
    yield this.costs.thread
    const tasks: Task[] = [
      { isFor: () => this.isAsked, run: () => this.stream() },
      { isFor: () => this.isRoom && this.isPass, run: () => this.takePass() },
      { isFor: () => this.isRoom && this.neediest() !== undefined, run: () => this.help() },
    ]
    for (;;) {
      yield { until: () => this.ended || tasks.some((task) => task.isFor()) }
      if (this.ended) return
      yield* tasks.find((task) => task.isFor())!.run()
    }
  }

  /** One thread less has passes, or helps, while another streams. */
  private get isRoom(): boolean {
    const streams = this.streaming === undefined ? 0 : 1
    return this.turns < Math.max(1, this.way.threads - streams)
  }

  private get isPass(): boolean {
    return this.queue.length + this.long.length > 0
  }

  private *takePass(): Process {
    const { queue, long } = this
    const run = this.passes === 0 ? (queue.shift() ?? long.shift()) : (long.shift() ?? queue.shift())
    this.turns++
    this.passes++
    yield* run!()
    this.turns--
    this.passes--
  }

  private *pass(layer: Layer): Process {
    const { costs, way } = this
    const lease = this.keeping.lease()
    if (way.known === 'no') lease.take()
    yield layer.walk
    if (way.known !== 'no') this.know(layer)
    if (way.known === 'trusted' || way.known === 'compared') this.summed++
    else if (layer.bytes > LARGE_BYTES && way.threads > 1) {
      lease.end(0)
      this.long.push(() => this.hashTogether(layer, lease))
    } else {
      yield layer.read + layer.bytes * costs.hash
      layer.kept = lease.end(layer.chunks)
      this.summed++
      this.know(layer)
    }
  }

  private *hashTogether(layer: Layer, lease: Lease): Process {
    if (this.way.known === 'no') lease.take(layer.chunks)
    const parts = partsOf([{ bytes: layer.bytes, seconds: layer.read }], 0)
    const job = new Production(new Ring(), parts)
    this.jobs.set(job, 0)
    yield* hashProduction(job, slotSizes(layer.bytes), this.costs.hash)
    this.jobs.delete(job)
    layer.kept = lease.end(layer.chunks)
    this.summed++
    this.know(layer)
  }

  private know(layer: Layer): void {
    layer.known = true
    this.askToStream()
  }

  /** The next layer that is known, and small ones behind it that are. */
  private askToStream(): void {
    const { layers, next, ring } = this
    if (this.streaming !== undefined || layers[next.layer]?.known !== true) return
    const batch = [layers[next.layer++]!]
    for (let bytes = batch[0]!.bytes; layers[next.layer]?.known; batch.push(layers[next.layer++]!)) {
      bytes += layers[next.layer]!.bytes
      if (bytes > BATCH_BYTES) break
    }
    const kept = batch.map((layer) => layer.kept?.take() ?? [])
    const archives = batch.map((layer, i) => {
      const share = layer.chunks === 0 ? 0 : kept[i]!.length / layer.chunks
      return { bytes: layer.bytes, seconds: layer.produce - share * (layer.produce - layer.produceKept) }
    })
    const parts = partsOf(archives, next.slot)
    next.slot += parts.reduce((sum, { slots }) => sum + slots.length, 0)
    const giveBack = (): void => {
      for (const [i, memory] of kept.entries()) batch[i]!.kept?.giveBack(memory)
    }
    this.streaming = { production: new Production(ring, parts), giveBack }
    this.isAsked = true
  }

  private *stream(): Process {
    const job = this.streaming!.production
    this.isAsked = false
    if (this.way.threads >= ENOUGH) this.jobs.set(job, 0)
    yield* job.fill(() => false)
    this.jobs.delete(job)
    this.endStreaming(job)
  }

  private *help(): Process {
    const job = this.neediest()!
    this.turns++
    this.count(job, 1)
    yield* job.fill(() => this.isAsked || this.isPass)
    this.turns--
    this.count(job, -1)
    this.endStreaming(job)
  }

  private count(job: Production, more: 1 | -1): void {
    if (this.jobs.has(job)) this.jobs.set(job, this.jobs.get(job)! + more)
  }

  private endStreaming(job: Production): void {
    if (this.streaming?.production !== job || job.left > 0 || job.workers > 0) return
    this.streaming.giveBack()
    this.streaming = undefined
    this.askToStream()
  }

  private neediest(): Production | undefined {
    const need = (job: Production): number => {
      const helpers = this.jobs.get(job)!
      return helpers < this.way.readers ? job.left / (1 + helpers) : 0
    }
    const most = [...this.jobs.keys()].sort((a, b) => need(b) - need(a))[0]
    return most !== undefined && need(most) >= PARTS_WORTH_HELP ? most : undefined
  }
}
