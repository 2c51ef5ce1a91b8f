/**
 * How a build into a pipe would run on more cores than this machine has: its parts are measured each by itself, and a
 * simulation puts them together (`cores/build.ts`): for one core as they are when nothing else runs, for more as they are when
 * all of this machine's cores do the same. Where this machine has the cores, both are compared; nothing is fitted.
 */
import { availableParallelism } from 'node:os'
import { measure, ours, warm } from '../test/support/measure.js'
import { CASES } from './cases.js'
import { simulateBuild } from './cores/build.js'
import { commonCosts, layerCosts } from './cores/costs.js'
import type { Costs, Way } from './cores/model.js'
import { tarSeconds } from './pairs.js'
import type { CoresResult, PartCosts } from './results.js'
import { median } from './statistics.js'
import type { Bench } from './suite.js'

const INPUTS = ['closure', 'dominated', 'many', 'big']
const CORES = [1, 2, 4, 8, 16]

/** The engine's own numbers: `src/pool/threads.ts`, `src/pool/jobs.ts`. */
const MOST_THREADS = 12
const READERS = 2

/** What each part is called, and how to make it take half. */
const PARTS: Record<string, (costs: Costs) => Costs> = {
  walking: (costs) => ofLayers(costs, { walk: 0.5 }),
  reading: (costs) => ofLayers(costs, { read: 0.5, produce: 0.5, produceKept: 0.5 }),
  hashing: (costs) => ({ ...costs, hash: costs.hash / 2 }),
  'the pipe': (costs) => ({ ...costs, write: costs.write / 2, take: costs.take / 2 }),
  'the start': (costs) => ({ ...costs, start: costs.start / 2, thread: costs.thread / 2 }),
}

const SAME = (costs: Costs): Costs => costs
const WHAT_IF: Record<string, { way: Partial<Way>; costs: (costs: Costs) => Costs }> = {
  'no thread read for another': { way: { readers: 0 }, costs: SAME },
  'any number of threads read for another': { way: { readers: Number.POSITIVE_INFINITY }, costs: SAME },
  'digests were remembered, and compared on the main thread (`--cache`)': {
    way: { known: 'compared' },
    costs: SAME,
  },
  'they were compared by passes beside the streaming': { way: { known: 'beside' }, costs: SAME },
  'digests were known, and nothing hashed': { way: { known: 'trusted' }, costs: SAME },
  'the main thread wrote twice as fast': {
    way: {},
    costs: (costs) => ({ ...costs, write: costs.write / 2 }),
  },
  'the reader read twice as fast': { way: {}, costs: (costs) => ({ ...costs, take: costs.take / 2 }) },
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

/** What is measured of an input, before anything is simulated. */
interface Measured {
  name: string
  title: string
  alone: Costs
  beside: Costs
  measured: CoresResult['measured']
  tar: number
}

export async function cores(bench: Bench): Promise<CoresResult[]> {
  return (await measureInputs(bench)).map(simulateInput)
}

export async function measureInputs({ work, pairs, say }: Bench): Promise<Measured[]> {
  const [one, several] = [await commonCosts(work, true), await commonCosts(work, false)]
  const inputs: Measured[] = []
  for (const name of INPUTS) {
    const it = CASES[name]!(work)
    warm(it.inputs)
    const alone = { ...one, ...(await layerCosts(it.conf, 1)) }
    const beside = { ...several, ...(await layerCosts(it.conf, availableParallelism())) }
    const measured = [1, availableParallelism()].map((count) => {
      const runs = Array.from({ length: pairs }, () => {
        warm(it.inputs)
        return measure('pipe', ['taskset', '-c', `0-${count - 1}`, ...ours(it.conf)])
      })
      const [seconds, cpu] = [median(runs.map((run) => run.seconds)), median(runs.map((run) => run.cpu))]
      return { cores: count, seconds, cpu }
    })
    inputs.push({ name, title: it.title, alone, beside, measured, tar: tarSeconds(it, pairs) })
    say(`${name}: ${measured.map((run) => `${run.cores}: ${run.seconds.toFixed(2)} s`).join(', ')}`)
  }
  return inputs
}

export function simulateInput({ alone, beside, ...input }: Measured): CoresResult {
  const costsOn = (count: number): Costs => (count === 1 ? alone : beside)
  const simulated = CORES.map((count) => {
    const costs = costsOn(count)
    const { seconds, cpu } = on(count, costs)
    return { cores: count, seconds, cpu: cpu - sumOf(costs).take, binds: bindingOf(costs, count) }
  })
  const whatIf = Object.entries(WHAT_IF).map(([title, { way, costs }]) => {
    return { title, seconds: CORES.map((count) => on(count, costs(costsOn(count)), way).seconds) }
  })
  return { ...input, costs: sumOf(alone), busy: sumOf(beside), simulated, whatIf }
}

function on(cores: number, costs: Costs, way: Partial<Way> = {}): { seconds: number; cpu: number } {
  const threads = Math.min(cores, MOST_THREADS)
  return simulateBuild(costs, { cores, threads, readers: READERS, known: 'no', ...way })
}

/** The part that saves most when it takes half, and the share of the time that it saves then. */
function bindingOf(costs: Costs, cores: number): { part: string; saves: number } {
  const whole = on(cores, costs).seconds
  return Object.entries(PARTS)
    .map(([part, half]) => ({ part, saves: 1 - on(cores, half(costs)).seconds / whole }))
    .reduce((most, it) => (it.saves > most.saves ? it : most))
}

function ofLayers(
  costs: Costs,
  factors: Partial<Record<'walk' | 'read' | 'produce' | 'produceKept', number>>,
): Costs {
  const layers = costs.layers.map((layer) => {
    const changed = Object.entries(factors).map(([of, factor]) => [
      of,
      layer[of as keyof typeof factors] * factor,
    ])
    return { ...layer, ...Object.fromEntries(changed) }
  })
  return { ...costs, layers }
}

function sumOf({ layers, hash, write, take, start, thread }: Costs): PartCosts {
  const sum = (of: 'bytes' | 'walk' | 'read' | 'produce'): number =>
    layers.reduce((total, layer) => total + layer[of], 0)
  const bytes = sum('bytes')
  const largest = Math.max(...layers.map((layer) => layer.bytes)) * hash
  const streamed = { write: bytes * write, take: bytes * take }
  const read = { walk: sum('walk'), read: sum('read'), hash: bytes * hash, largest, produce: sum('produce') }
  return { bytes, ...read, ...streamed, start, thread }
}
