/**
 * What clients must take again over a series of closures, with nixpkgs' layers and with ours:
 * `node dist/bench/layering.js [--paths N] [--max-layers N] [--seed N]`.
 */
import { Command } from 'commander'
import { type Layers, nixpkgsLayers, stableLayers } from '../src/closure/layers.js'
import { closureSeries } from './closure-series.js'
import { Clients, type Costs } from './costs.js'

export interface Compared {
  change: string
  nixpkgs: Costs
  ours: Costs
}

/** Of each change but the first image. */
export function compareLayers(paths: number, most: number, seed: number): Compared[] {
  const clients = { nixpkgs: new Clients(), ours: new Clients() }
  let previous: Layers = []
  return closureSeries(paths, seed)
    .map(({ change, closure }) => {
      previous = stableLayers(closure, most, previous)
      return {
        change,
        nixpkgs: clients.nixpkgs.take(nixpkgsLayers(closure, most), closure),
        ours: clients.ours.take(previous, closure),
      }
    })
    .slice(1)
}

const CLIENTS = ['registry', 'docker', 'podman'] as const

/** As Markdown, in MB. */
export function layeringTable(compared: readonly Compared[]): string {
  const sum = (of: 'nixpkgs' | 'ours'): Costs => {
    const total = { registry: 0, docker: 0, podman: 0 }
    for (const it of compared) for (const client of CLIENTS) total[client] += it[of][client]
    return total
  }
  const row = ({ change, nixpkgs, ours }: Compared): string => {
    const cells = CLIENTS.map((client) => `${megabytes(nixpkgs[client])} / ${megabytes(ours[client])}`)
    return `| ${[change, ...cells].join(' | ')} |\n`
  }
  const head = '| what changes | registry | Docker | podman |\n|---|---|---|---|\n'
  return (
    head + [...compared, { change: '**sum**', nixpkgs: sum('nixpkgs'), ours: sum('ours') }].map(row).join('')
  )
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(1)
}

if (import.meta.filename === process.argv[1]) {
  const command = new Command('node dist/bench/layering.js')
    .option('--paths <n>', 'store paths of the closures', '250')
    .option('--max-layers <n>', 'layers of store paths', '99')
    .option('--seed <n>', 'of the series', '1')
    .parse()
  const { paths, maxLayers, seed } = command.opts<Record<'paths' | 'maxLayers' | 'seed', string>>()
  process.stdout.write(layeringTable(compareLayers(Number(paths), Number(maxLayers), Number(seed))))
}
