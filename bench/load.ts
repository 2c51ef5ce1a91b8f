/**
 * From store paths into an engine: Docker with overlay2 and podman with overlay, each with all its state in one
 * directory. The reference is piped into `docker load` and `podman load`; ours is taken by the engine. And the memory of
 * `serve` when eight clients pull at once.
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { writeConf } from '../test/support/image.js'
import { type Measurement, measure, ours as ourCommand } from '../test/support/measure.js'
import { type ClosureShape, makeClosure } from './closures.js'
import { type Engine, startDocker, startPodman } from './engines.js'
import { inNixStore } from './nix-store.js'
import type { LoadResult } from './results.js'
import { takeServed } from './serving.js'
import { median, spread } from './statistics.js'

/** The programs that these cases need. */
export const FOR_LOAD = ['dockerd', 'docker', 'podman', 'nix-store']

/** What nixpkgs makes of a large closure: the last layer takes all that is left. */
const SHAPE = { layers: 99, entries: 75_000, bytes: 2.5e9, largest: 0.06 }

/**
 * @param part of the closure that is taken, 1 is all
 * @param reference the command of the script for a configuration
 */
export async function loadCases(
  work: string,
  pairs: number,
  part: number,
  reference: (conf: string) => string[],
): Promise<LoadResult[]> {
  const directory = join(work, 'load')
  mkdirSync(directory, { recursive: true })
  const shape: ClosureShape = { ...SHAPE, entries: SHAPE.entries * part, bytes: SHAPE.bytes * part }
  const { conf, changed } = closureIn(join(directory, `closure-${part}`), shape)
  const results: LoadResult[] = []
  for (const start of [startDocker, startPodman]) {
    const engine = await start(directory)
    try {
      results.push(...engineCases(engine, { conf, changed }, directory, pairs, reference))
    } finally {
      await engine.stop()
    }
  }
  const { seconds, memory } = await takeServed([conf], ['bench'], 8)
  const none = { reference: null, oursSpread: null, ratioSpread: null, ratio: null }
  results.push({ title: 'serve, 8 clients at once', ours: seconds, memory, ...none })
  return results
}

function engineCases(
  engine: Engine,
  { conf, changed }: { conf: string; changed: string },
  directory: string,
  pairs: number,
  reference: (conf: string) => string[],
): LoadResult[] {
  const cache = join(directory, 'cache')
  const theirs = (from: string): Measurement =>
    measure('pipe', ['bash', '-c', `"$@" | ${engine.load}`, 'bash', ...reference(from)], engine.env)
  const ours = (from: string, ...args: string[]): Measurement =>
    measure('pipe', ourCommand(from, '-o', engine.destination, ...args), engine.env)
  const runs: Record<
    'first' | 'remembered' | 'nothing' | 'one',
    (readonly [Measurement | undefined, Measurement])[]
  > = {
    first: [],
    remembered: [],
    nothing: [],
    one: [],
  }
  const passes: number[] = []
  rmSync(cache, { recursive: true, force: true })
  for (let i = 0; i < pairs; i++) {
    engine.clear()
    const loaded = theirs(conf)
    const again = theirs(conf)
    const other = theirs(changed)
    engine.clear()
    runs.first.push([loaded, ours(conf, '--cache', cache)])
    runs.remembered.push([again, ours(conf, '--cache', cache)])
    runs.nothing.push([again, ours(conf)])
    passes.push(checksums(conf))
    runs.one.push([other, ours(changed, '--cache', cache)])
  }
  engine.clear()
  const row = (key: keyof typeof runs, title: string): LoadResult => {
    const pairsOf = runs[key]
    return {
      title: `${engine.name}: ${title}`,
      reference: median(pairsOf.map(([a]) => a!.seconds)),
      ours: median(pairsOf.map(([, b]) => b.seconds)),
      oursSpread: spread(pairsOf.map(([, b]) => b.seconds)),
      ratio: median(pairsOf.map(([a, b]) => a!.seconds / b.seconds)),
      ratioSpread: spread(pairsOf.map(([a, b]) => a!.seconds / b.seconds)),
      memory: Math.max(...pairsOf.map(([, b]) => b.memory)),
    }
  }
  return [
    row('remembered', 'nothing changed, digests remembered'),
    row(
      'nothing',
      `nothing changed, nothing remembered (the checksum pass alone: ${median(passes).toFixed(2)} s)`,
    ),
    row('one', 'one small layer on top changed'),
    row('first', 'first time'),
  ]
}

/** Seconds until every digest is known and nothing is written: an image layout that has all blobs. */
function checksums(conf: string): number {
  const layout = `${conf}.layout`
  const run = (): number => measure('pipe', ourCommand(conf, '-o', `oci:${layout}`, '--verify')).seconds
  run()
  const seconds = run()
  rmSync(layout, { recursive: true, force: true })
  return seconds
}

/** The closure in the machine's Nix store, and the same with a small path on top. */
function closureIn(directory: string, shape: ClosureShape): { conf: string; changed: string } {
  mkdirSync(directory, { recursive: true })
  const store = join(directory, 'store')
  const layers = makeClosure(store, shape)
  const own = writeConf(directory, { store_dir: store, store_layers: layers, repo_tag: 'bench:latest' })
  const { addTop } = inNixStore(own, directory)
  const top = (name: string): string => {
    const path = join(directory, 'top')
    rmSync(path, { recursive: true, force: true })
    mkdirSync(path)
    writeFileSync(join(path, 'file'), `${name}\n`.repeat(2000))
    return addTop(path, join(directory, `${name}.json`))
  }
  return { conf: top('one'), changed: top('two') }
}
