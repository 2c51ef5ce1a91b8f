/**
 * How a build into a pipe would run on more cores than this machine has: its parts are measured each by itself, and a
 * simulation puts them together (`cores/build.ts`). Where this machine has the cores, both are compared; nothing is fitted.
 */
import { availableParallelism } from 'node:os'
import { CASES } from './cases.js'
import { type Costs, simulateBuild, type Way } from './cores/build.js'
import { commonCosts, layerCosts } from './cores/costs.js'
import { tarSeconds } from './pairs.js'
import { measure, ours, warm } from './programs.js'
import type { CoresResult } from './results.js'
import { median } from './statistics.js'
import type { Bench } from './suite.js'

const INPUTS = ['closure', 'dominated', 'many', 'big']
const CORES = [1, 2, 4, 8, 16]

/** What each part is called, and how to make it take half. */
const PARTS: Record<string, (costs: Costs) => Costs> = {
  walking: (costs) => ofLayers(costs, { walk: 0.5 }),
  reading: (costs) => ofLayers(costs, { read: 0.5, produce: 0.5 }),
  hashing: (costs) => ({ ...costs, hash: costs.hash / 2 }),
  'the main thread’s writes': (costs) => ({ ...costs, write: costs.write / 2 }),
  'the reader': (costs) => ({ ...costs, take: costs.take / 2 }),
  'the start': (costs) => ({ ...costs, start: costs.start / 2, thread: costs.thread / 2 }),
}

const SAME = (costs: Costs): Costs => costs
const WHAT_IF: Record<string, { way: Partial<Way>; costs: (costs: Costs) => Costs }> = {
  'no thread helped another': { way: { helpers: false }, costs: SAME },
  'digests were remembered, and compared on the main thread (`--cache`)': {
    way: { known: 'compared' },
    costs: SAME,
  },
  'digests were known, and nothing hashed': { way: { known: 'trusted' }, costs: SAME },
  'the main thread wrote twice as fast': {
    way: {},
    costs: (costs) => ({ ...costs, write: costs.write / 2 }),
  },
  'writer and reader were twice as fast': {
    way: {},
    costs: (costs) => ({ ...costs, write: costs.write / 2, take: costs.take / 2 }),
  },
  'both, and digests were known': {
    way: { known: 'trusted' },
    costs: (costs) => ({ ...costs, write: costs.write / 2, take: costs.take / 2 }),
  },
  'hashing was twice as fast': { way: {}, costs: (costs) => ({ ...costs, hash: costs.hash / 2 }) },
}

export async function cores({ work, pairs, say }: Bench): Promise<CoresResult[]> {
  const common = await commonCosts(work)
  const results: CoresResult[] = []
  for (const name of INPUTS) {
    const it = CASES[name]!(work)
    warm(it.inputs)
    const costs = { ...common, ...(await layerCosts(it.conf)) }
    const simulated = CORES.map((count) => ({
      cores: count,
      seconds: on(count, costs),
      binds: bindingOf(costs, count),
    }))
    const measured = [1, availableParallelism()].map((count) => {
      const runs = Array.from({ length: pairs }, () => {
        warm(it.inputs)
        return measure('pipe', ['taskset', '-c', `0-${count - 1}`, ...ours(it.conf)]).seconds
      })
      return { cores: count, seconds: median(runs) }
    })
    const whatIf = Object.entries(WHAT_IF).map(([title, { way, costs: changed }]) => {
      return { title, seconds: CORES.map((count) => on(count, changed(costs), way)) }
    })
    const tar = tarSeconds(it, pairs)
    results.push({ name, title: it.title, costs: sumOf(costs), simulated, measured, whatIf, tar })
    say(`${name}: ${simulated.map((on) => `${on.cores}: ${on.seconds.toFixed(2)} s`).join(', ')}`)
  }
  return results
}

function on(cores: number, costs: Costs, way: Partial<Way> = {}): number {
  return simulateBuild(costs, { cores, threads: cores, helpers: true, known: 'no', ...way }).seconds
}

/** The part that saves most when it takes half, and the share of the time that it saves then. */
function bindingOf(costs: Costs, cores: number): { part: string; saves: number } {
  const whole = on(cores, costs)
  return Object.entries(PARTS)
    .map(([part, half]) => ({ part, saves: 1 - on(cores, half(costs)) / whole }))
    .reduce((most, it) => (it.saves > most.saves ? it : most))
}

function ofLayers(costs: Costs, factors: { walk?: number; read?: number; produce?: number }): Costs {
  const { walk = 1, read = 1, produce = 1 } = factors
  const layers = costs.layers.map((layer) => {
    return { ...layer, walk: layer.walk * walk, read: layer.read * read, produce: layer.produce * produce }
  })
  return { ...costs, layers }
}

function sumOf({ layers, hash, write, take, start, thread }: Costs): CoresResult['costs'] {
  const sum = (of: 'bytes' | 'walk' | 'read' | 'produce'): number =>
    layers.reduce((total, layer) => total + layer[of], 0)
  const bytes = sum('bytes')
  const largest = Math.max(...layers.map((layer) => layer.bytes)) * hash
  const streamed = { write: bytes * write, take: bytes * take }
  const read = { walk: sum('walk'), read: sum('read'), hash: bytes * hash, largest, produce: sum('produce') }
  return { bytes, ...read, ...streamed, start, thread }
}
