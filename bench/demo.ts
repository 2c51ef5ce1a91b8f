/**
 * The embedded example, by the command as a user runs it: an image with one layer for each of this project's own installed
 * packages is built, read back, built again with one file changed, served and fetched; engines that are here take and run
 * it. Needs neither Nix nor a network. Leaves nothing behind, unless asked with `--keep DIR`; `--without-engines` leaves them alone.
 */
import { type SpawnSyncReturns, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  appendFileSync,
  closeSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  rmSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { CLI, writeConf } from '../test/support/image.js'
import { readArchive, readServed } from './read-back.js'

const { values } = parseArgs({
  options: { keep: { type: 'string' }, 'without-engines': { type: 'boolean' } },
})
const work =
  values.keep === undefined ? mkdtempSync(join(tmpdir(), 'stream-layered-image-demo-')) : resolve(values.keep)
mkdirSync(work, { recursive: true })
const MODULES = fileURLToPath(new URL('../../node_modules', import.meta.url))
/** The package that changes; a copy of it does. */
const CHANGING = join(work, 'commander')
/** Below the 127 that engines take. */
const MOST_LAYERS = 100
/** What runs in a container where nothing else is. */
const BUSYBOX = '/bin/busybox'

const say = (what: string, text: string): void => void process.stderr.write(`${what.padEnd(10)} ${text}\n`)
const since = (start: number): string => `${((performance.now() - start) / 1000).toFixed(2)} s`

function build(...args: string[]): SpawnSyncReturns<string> {
  const run = spawnSync(process.execPath, [CLI, ...args, '-q'], { encoding: 'utf8' })
  if (run.status !== 0) throw new Error(run.stderr)
  return run
}

/** A configuration of the installed packages, one a layer, and a customisation layer, as dockerTools would write them. */
function packagesConf(): string {
  const packages = readdirSync(MODULES).filter((name) => !name.startsWith('.'))
  cpSync(join(MODULES, 'commander'), CHANGING, { recursive: true })
  const paths = packages.map((name) => (name === 'commander' ? CHANGING : join(MODULES, name)))
  if (existsSync(BUSYBOX)) paths.unshift(BUSYBOX)
  // As nixpkgs does it: what is left when there are no more layers is one.
  const layers = [...paths.slice(0, MOST_LAYERS - 1).map((path) => [path]), paths.slice(MOST_LAYERS - 1)]
  return writeConf(work, {
    config: { Cmd: [BUSYBOX, 'echo', 'hello from the container'] },
    store_dir: '/',
    repo_tag: 'demo:latest',
    store_layers: layers,
  })
}

async function archive(conf: string): Promise<void> {
  const image = join(work, 'image.tar')
  const start = performance.now()
  const fd = openSync(image, 'w')
  const { status } = spawnSync(process.execPath, [CLI, conf, '-q'], { stdio: ['ignore', fd, 'inherit'] })
  closeSync(fd)
  if (status !== 0) throw new Error('the build failed')
  const took = since(start)
  const { layers, bytes, wrong, imageId } = await readArchive(image)
  say('Built', `demo:latest, ${layers} layers, ${(bytes / 1e6).toFixed(1)} MB, in ${took}`)
  say('Image ID', imageId)
  tellDigests(wrong, layers)
}

function tellDigests(wrong: readonly string[], layers: number): void {
  if (wrong.length > 0) throw new Error(`not what they are called: ${wrong.join(', ')}`)
  say('Checked', `${layers} layers and the config have the SHA-256 that they are called by`)
}

function rebuild(conf: string): void {
  const args = [conf, '-o', `oci:${join(work, 'layout')}:demo`, '--cache', join(work, 'cache')]
  build(...args)
  appendFileSync(join(CHANGING, 'Readme.md'), 'One more line.\n')
  const start = performance.now()
  const { destinations } = JSON.parse(build(...args).stdout) as {
    destinations: [{ uploaded: { layers: number }; skipped: { layers: number } }]
  }
  const [{ uploaded, skipped }] = destinations
  say(
    'Changed',
    `one file: ${uploaded.layers} of ${uploaded.layers + skipped.layers} layers made anew, in ${since(start)}`,
  )
}

async function serve(conf: string): Promise<void> {
  const child = spawn(process.execPath, [CLI, 'serve', conf, '--listen', '127.0.0.1:0'], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  try {
    let said = ''
    while (!/127\.0\.0\.1:\d+/.test(said)) said += String((await once(child.stderr, 'data'))[0])
    const [address] = /127\.0\.0\.1:\d+/.exec(said)!
    const start = performance.now()
    const { layers, bytes, wrong } = await readServed(`http://${address}/v2/demo/manifests/latest`)
    say('Served', `as a registry, and fetched: ${(bytes / 1e6).toFixed(1)} MB in ${since(start)}`)
    tellDigests(wrong, layers)
  } finally {
    child.kill()
    await once(child, 'exit')
  }
}

function engine(program: string, transport: string, conf: string): void {
  const has = spawnSync(program, ['info'], { stdio: 'ignore' }).status === 0
  if (!has) {
    say(program, 'not here')
    return
  }
  const start = performance.now()
  build(conf, '-o', `${transport}:stream-layered-image-demo:latest`)
  const took = since(start)
  const name = 'stream-layered-image-demo'
  const run = spawnSync(program, ['run', '--rm', '--network=none', name], { encoding: 'utf8' })
  say(program, `took it in ${took}; ${run.status === 0 ? `it says: ${run.stdout.trim()}` : whyNot(run)}`)
  if (values.keep === undefined) spawnSync(program, ['rmi', '-f', name], { stdio: 'ignore' })
}

/** Without a program in the image there is nothing to run; a container in a container is not always allowed one. */
function whyNot({ stderr }: SpawnSyncReturns<string>): string {
  if (!existsSync(BUSYBOX)) return `no ${BUSYBOX} here that it could run`
  return `it cannot be run here: ${stderr.trim().split(': ').at(-1)}`
}

try {
  const conf = packagesConf()
  await archive(conf)
  rebuild(conf)
  await serve(conf)
  if (!values['without-engines']) {
    engine('docker', 'docker-daemon', conf)
    engine('podman', 'containers-storage', conf)
  }
  const command = `node ${CLI}`
  if (values.keep === undefined)
    say('Next', 'npm run demo -- --keep demo    # leaves all of it there, to try more')
  else
    for (const next of [`inspect ${conf}`, `serve ${conf}`, `copy oci:${work}/layout:demo -o demo.tar`])
      say('Next', `${command} ${next}`)
} catch (error) {
  say('Failed', error instanceof Error ? error.message : String(error))
  process.exitCode = 1
} finally {
  if (values.keep === undefined) rmSync(work, { recursive: true, force: true })
}
