/**
 * From store paths into an engine: Docker with overlay2 and podman with overlay, each with all its state in one
 * directory. The reference is piped into `docker load` and `podman load`; ours is taken by the engine. And the memory of
 * `serve` when eight clients pull at once.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout } from 'node:timers/promises'
import { writeConf } from '../test/support/image.js'
import { type ClosureShape, makeClosure } from './closures.js'
import { inNixStore } from './nix-store.js'
import { CLI, type Measurement, measure } from './programs.js'
import type { LoadResult } from './results.js'
import { median, spread } from './statistics.js'

const NEEDED = ['dockerd', 'docker', 'podman', 'nix-store']

/** The programs that are missing for these cases. */
export function missingForLoad(): string[] {
  return NEEDED.filter((name) => spawnSync('sh', ['-c', `command -v ${name}`]).status !== 0)
}

/** What nixpkgs makes of a large closure: the last layer takes all that is left. */
const SHAPE = { layers: 99, entries: 75_000, bytes: 2.5e9, largest: 0.06 }

/** An engine with an empty store. */
interface Engine {
  name: string
  env: NodeJS.ProcessEnv
  load: string
  destination: string
  /** Forgets all images. */
  clear(): void
}

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
  const engines = [await docker(join(directory, 'docker')), podman(join(directory, 'podman'))]
  const results: LoadResult[] = []
  try {
    for (const engine of engines)
      results.push(...engineCases(engine, { conf, changed }, directory, pairs, reference))
  } finally {
    stopAll()
  }
  results.push(await serveCase(conf))
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
    measure('pipe', [process.execPath, CLI, from, '-o', engine.destination, ...args], engine.env)
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
  const row = (key: keyof typeof runs, title: string, target: string): LoadResult => {
    const pairsOf = runs[key]
    return {
      title: `${engine.name}: ${title}`,
      target,
      reference: median(pairsOf.map(([a]) => a!.seconds)),
      ours: median(pairsOf.map(([, b]) => b.seconds)),
      oursSpread: spread(pairsOf.map(([, b]) => b.seconds)),
      ratio: median(pairsOf.map(([a, b]) => a!.seconds / b.seconds)),
      ratioSpread: spread(pairsOf.map(([a, b]) => a!.seconds / b.seconds)),
      memory: Math.max(...pairsOf.map(([, b]) => b.memory)),
    }
  }
  return [
    row('remembered', 'nothing changed, digests remembered', '≥ 40 times, ≤ 0.8 s'),
    row(
      'nothing',
      'nothing changed, nothing remembered',
      `≤ the checksum pass (${median(passes).toFixed(2)} s) + 0.5 s`,
    ),
    row('one', 'one small layer on top changed', '≤ 1.0 s'),
    row('first', 'first time', '≤ 0.7 of it'),
  ]
}

/** Seconds until every digest is known and nothing is written: an image layout that has all blobs. */
function checksums(conf: string): number {
  const layout = `${conf}.layout`
  const run = (): number =>
    measure('pipe', [process.execPath, CLI, conf, '-o', `oci:${layout}`, '--verify']).seconds
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

const children: ChildProcess[] = []

function stopAll(): void {
  for (const child of children.splice(0)) child.kill('SIGTERM')
}

async function docker(directory: string): Promise<Engine> {
  mkdirSync(directory, { recursive: true })
  const path = (name: string): string => join(directory, name)
  writeFileSync(path('daemon.json'), '{}')
  const host = `unix://${path('socket')}`
  const child = spawn(
    'dockerd',
    [
      ...[
        '--config-file',
        path('daemon.json'),
        '-H',
        host,
        '--data-root',
        path('data'),
        '--exec-root',
        path('exec'),
      ],
      ...['--pidfile', path('pid'), '--storage-driver', 'overlay2', '--bridge', 'none', '--iptables=false'],
      ...['--ip6tables=false', '--ip-forward=false', '--ip-masq=false', '--userland-proxy=false'],
    ],
    { stdio: 'ignore' },
  )
  children.push(child)
  process.once('exit', stopAll)
  const env = { DOCKER_HOST: host, DOCKER_CONFIG: path('cli') }
  const call = (...args: string[]): string =>
    spawnSync('docker', args, { env: { ...process.env, ...env }, encoding: 'utf8' }).stdout
  for (let i = 0; call('version', '-f', '{{.Server.Version}}').trim() === ''; i++) {
    if (i > 100) throw new Error('dockerd did not start')
    await setTimeout(100)
  }
  const clear = (): void => {
    for (const id of new Set(call('images', '-aq').split('\n'))) if (id !== '') call('rmi', '-f', id)
  }
  return { name: 'Docker', env, load: 'docker load', destination: 'docker-daemon:', clear }
}

function podman(directory: string): Engine {
  mkdirSync(directory, { recursive: true })
  const storage = join(directory, 'storage.conf')
  writeFileSync(
    storage,
    `[storage]\ndriver = "overlay"\ngraphroot = "${directory}/root"\nrunroot = "${directory}/run"\n`,
  )
  const env = { CONTAINERS_STORAGE_CONF: storage }
  const clear = (): void => {
    spawnSync('podman', ['rmi', '-af'], { env: { ...process.env, ...env } })
  }
  return { name: 'podman', env, load: 'podman load', destination: 'containers-storage:', clear }
}

/** The peak of the server's memory while eight clients take every blob. */
async function serveCase(conf: string): Promise<LoadResult> {
  const child = spawn(process.execPath, [CLI, 'serve', conf, '--listen', '127.0.0.1:0'], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  try {
    let host = ''
    for await (const line of createInterface({ input: child.stderr! })) {
      host = /^serving ([^/]*)\//.exec(line)?.[1] ?? ''
      if (host !== '') break
    }
    const base = `http://${host}/v2/bench`
    const started = performance.now()
    const manifest = (await (await fetch(`${base}/manifests/latest`)).json()) as {
      layers: { digest: string }[]
    }
    const client = async (): Promise<void> => {
      for (const { digest } of manifest.layers) {
        const answer = await fetch(`${base}/blobs/${digest}`)
        const hash = createHash('sha256')
        for await (const part of answer.body!) hash.update(part)
        if (`sha256:${hash.digest('hex')}` !== digest) throw new Error(`${digest}: other bytes came`)
      }
    }
    await Promise.all(Array.from({ length: 8 }, client))
    const status = readFileSync(`/proc/${child.pid}/status`, 'utf8')
    return {
      title: 'serve, 8 clients at once',
      target: '< 350 MB',
      reference: null,
      oursSpread: null,
      ratioSpread: null,
      ours: (performance.now() - started) / 1000,
      ratio: null,
      memory: Number(/^VmHWM:\s+(\d+)/m.exec(status)![1]) * 1024,
    }
  } finally {
    child.kill('SIGTERM')
  }
}
