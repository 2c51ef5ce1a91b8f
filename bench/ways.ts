/** One image over every way out, and all that reads it: seconds, and what each has at most of memory, descriptors and threads. */
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { type Measurement, measure, missing, ours, warm } from '../test/support/measure.js'
import { CASES } from './cases.js'
import { type Engine, startContainerd, startDocker, startPodman } from './engines.js'
import { startRegistry } from './local-registry.js'
import { inNixStore } from './push-inputs.js'
import { readings } from './reading.js'
import type { WayResult } from './results.js'
import { takeServed } from './serving.js'
import { median } from './statistics.js'
import type { Bench } from './suite.js'

/** Runs a command that is watched, and keeps what it took. */
type Take = (title: string, command: readonly string[], env?: NodeJS.ProcessEnv, status?: number) => void

interface Ways {
  take: Take
  /** Keeps what another run took. */
  keep(title: string, found: Measurement): void
  /** The image as a configuration. */
  conf: string
  work: string
  /** Empty, and removed at the end. */
  directory: string
}

/** Ways that need the same programs. */
interface Group {
  needs: readonly string[]
  run(ways: Ways): void | Promise<void>
}

const WAYS: readonly Group[] = [
  { needs: [], run: local },
  { needs: ['docker-registry', 'nix-store'], run: registry },
  { needs: [], run: served },
  { needs: [], run: reading },
]

const ENGINES: readonly Group[] = [
  { needs: ['dockerd', 'docker'], start: startDocker },
  { needs: ['podman'], start: startPodman },
  { needs: ['containerd', 'ctr'], start: startContainerd },
].map(({ needs, start }) => ({
  needs: [...needs, 'nix-store'],
  run: async (ways) => engine(await start(ways.directory), ways),
}))

/** Over every way out but engines, and what reads images. */
export function waysOut(bench: Bench): Promise<WayResult[]> {
  return watchAll(WAYS, bench)
}

/** Into and out of engines. */
export function waysToEngines(bench: Bench): Promise<WayResult[]> {
  return watchAll(ENGINES, bench)
}

async function watchAll(groups: readonly Group[], { work, pairs, say }: Bench): Promise<WayResult[]> {
  const { conf, inputs } = CASES.closure!(work)
  const runs = new Map<string, Measurement[]>()
  const keep = (title: string, found: Measurement): void => {
    runs.set(title, [...(runs.get(title) ?? []), found])
    say(`${title}: ${found.seconds.toFixed(2)} s, ${(found.memory / 1e6).toFixed(0)} MB`)
  }
  const take: Take = (title, command, env, status) => keep(title, measure('watched', command, env, status))
  const directory = join(work, 'ways')
  for (const { needs, run } of groups) {
    const lacks = missing(needs)
    if (lacks.length > 0) {
      say(`ways: left out what needs ${lacks.join(', ')}`)
      continue
    }
    for (let i = 0; i < pairs; i++) {
      warm(inputs)
      mkdirSync(directory, { recursive: true })
      await run({ take, keep, conf, work, directory })
      rmSync(directory, { recursive: true, force: true })
    }
  }
  const most = (of: Measurement[], key: 'memory' | 'descriptors' | 'threads'): number =>
    Math.max(...of.map((run) => run[key]))
  return [...runs].map(([title, of]) => ({
    title,
    seconds: median(of.map(({ seconds }) => seconds)),
    memory: most(of, 'memory'),
    descriptors: most(of, 'descriptors'),
    threads: most(of, 'threads'),
  }))
}

function local({ take, conf, directory }: Ways): void {
  const place = (name: string): string => join(directory, name)
  take('a pipe', ours(conf))
  take('a pipe, every layer hashed again (`--verify`)', ours(conf, '--verify'))
  take('a file', ours(conf, '-o', place('image.tar')))
  take('an OCI layout', ours(conf, '-o', `oci:${place('layout')}`))
  take('an OCI layout that has it', ours(conf, '-o', `oci:${place('layout')}`))
  take('an OCI archive', ours(conf, '-o', `oci-archive:${place('archive.tar')}`))
  rmSync(place('image.tar'))
  rmSync(place('archive.tar'))
  take('an OCI layout, gzip', ours(conf, '-o', `oci:${place('gzip')}`, '--compress', 'gzip'))
  take('an OCI layout, zstd', ours(conf, '-o', `oci:${place('zstd')}`, '--compress', 'zstd'))
  take('copy of a gzipped layout, to a pipe', ours('copy', `oci:${place('gzip')}`, '-o', '-'))
  take(
    'copy of a gzipped layout, to a layout',
    ours('copy', `oci:${place('gzip')}`, '-o', `oci:${place('c')}`),
  )
  take('verify of a gzipped layout', ours('verify', `oci:${place('gzip')}`))
  const several = ['-o', place('image.tar'), '-o', `oci:${place('l')}`, '-o', '-']
  take('a file, an OCI layout and a pipe at once', ours(conf, ...several))
  take('a dry run', ours(conf, '-o', place('other.tar'), '--dry-run'))
}

async function registry({ take, work, directory }: Ways): Promise<void> {
  const inputs = join(work, 'push')
  mkdirSync(inputs, { recursive: true })
  const { conf, changed } = inNixStore(CASES.closure!(work).conf, inputs)
  const { host, stop } = await startRegistry(directory)
  try {
    const push = (title: string, from: string, name: string): void =>
      take(`a registry: ${title}`, ours(from, '-o', `docker://${host}/${name}`))
    push('first push', conf, 'ours')
    push('nothing changed', conf, 'ours')
    push('under a new tag', conf, 'ours:new')
    push('one of 100 layers changed', changed, 'ours')
    take('copy of a registry, to a pipe', ours('copy', `docker://${host}/ours:new`, '-o', '-'))
    take('verify of a registry', ours('verify', `docker://${host}/ours:new`))
  } finally {
    stop()
  }
}

async function served({ keep, conf }: Ways): Promise<void> {
  keep('`serve`, 8 clients at once', await takeServed([conf], ['test'], 8))
}

async function engine(it: Engine, { take, work, directory }: Ways): Promise<void> {
  const inputs = join(work, 'push')
  mkdirSync(inputs, { recursive: true })
  const { conf } = inNixStore(CASES.closure!(work).conf, inputs)
  const cache = ['--cache', join(directory, 'cache')]
  try {
    take(`${it.name}: first time`, ours(conf, '-o', it.destination, ...cache), it.env)
    take(`${it.name}: nothing changed`, ours(conf, '-o', it.destination, ...cache), it.env)
    take(
      `copy of an image in ${it.name}, to a pipe`,
      ours('copy', `${it.destination}test:latest`, '-o', '-'),
      it.env,
    )
  } finally {
    it.clear()
    await it.stop()
  }
}

function reading({ take, work, directory }: Ways): void {
  for (const { title, command, status } of readings(work)) take(title, command, {}, status)
  const { conf } = CASES.closure!(work)
  take('inspect as a page (`--html`)', ours('inspect', conf, '--html', join(directory, 'page.html')))
}
