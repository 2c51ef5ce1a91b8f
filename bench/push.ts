/**
 * To a real registry on this machine: the first push of the closure, and of the same in fewer layers of which the last
 * has most; a push of what is there already, by its tag and by a new one, and one with one of a hundred layers changed;
 * against the reference piped through `zstd -1` into skopeo.
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { type Measurement, measure, ours as ourCommand } from '../test/support/measure.js'
import { CASES } from './cases.js'
import { startRegistry } from './local-registry.js'
import { dominated, inNixStore } from './push-inputs.js'
import type { PushResult } from './results.js'
import { median } from './statistics.js'

/** The programs that these cases need. */
export const FOR_PUSH = ['docker-registry', 'skopeo', 'zstd', 'nix-store']

/** @param reference the command of the script for a configuration */
export async function pushCases(
  work: string,
  pairs: number,
  reference: (conf: string) => string[],
): Promise<PushResult[]> {
  const directory = join(work, 'push')
  mkdirSync(directory, { recursive: true })
  const { conf, changed } = inNixStore(CASES.closure!(work).conf, directory)
  const heavy = dominated(conf, directory)
  let host = ''
  const ours = (from: string, name: string): Measurement =>
    measure('pipe', ourCommand(from, '-o', `docker://${host}/${name}`))
  const theirs = (from: string, name: string): Measurement => {
    const [program, ...args] = reference(from)
    const script = `"$@" | zstd -1 | skopeo copy -q --dest-tls-verify=false docker-archive:/dev/stdin docker://${host}/${name}`
    return measure('pipe', ['bash', '-c', script, 'bash', program!, ...args])
  }
  const first = []
  const last = []
  const same = []
  const tagged = []
  const one = []
  const known = []
  const layout = join(directory, 'layout')
  rmSync(layout, { recursive: true, force: true })
  const toLayout = (): Measurement => measure('pipe', ourCommand(conf, '-o', `oci:${layout}`))
  toLayout()
  let sizes: number[] = []
  for (let i = 0; i < pairs; i++) {
    // Another registry for each pair: skopeo remembers which blobs it has sent to one.
    const registry = await startRegistry(directory)
    host = registry.host
    first.push([theirs(conf, 'theirs'), ours(conf, 'ours')] as const)
    same.push([theirs(conf, 'theirs'), ours(conf, 'ours')] as const)
    tagged.push(ours(conf, 'ours:new'))
    last.push([theirs(heavy, 'theirs-heavy'), ours(heavy, 'ours-heavy')] as const)
    one.push(ours(changed, 'ours'))
    known.push(toLayout())
    sizes = ['theirs', 'ours'].map((name) => imageSize(`${host}/${name}`))
    registry.stop()
  }
  const compare = (title: string, runs: readonly (readonly [Measurement, Measurement])[]): PushResult => ({
    title,
    reference: median(runs.map(([a]) => a.seconds)),
    ours: median(runs.map(([, b]) => b.seconds)),
    ratio: median(runs.map(([a, b]) => a.seconds / b.seconds)),
    memory: Math.max(...runs.map(([, b]) => b.memory)),
  })
  rmSync(layout, { recursive: true })
  const alone = (title: string, runs: readonly Measurement[]): PushResult => ({
    title,
    reference: null,
    ratio: null,
    ours: median(runs.map(({ seconds }) => seconds)),
    memory: Math.max(...runs.map(({ memory }) => memory)),
  })
  return [
    {
      ...compare('first push', first),
      note: `${(sizes[1]! / 1e6).toFixed(0)} MB with gzip:4, skopeo’s ${(sizes[0]! / 1e6).toFixed(0)} MB`,
    },
    compare('first push, four fifths of it in the last layer', last),
    compare('nothing changed', same),
    alone('nothing changed, under a new tag', tagged),
    alone('one of 100 layers changed', one),
    alone('digests only: an image layout that has all blobs', known),
  ]
}

/** Bytes of an image's layers in the registry. */
function imageSize(name: string): number {
  const { stdout } = spawnSync('skopeo', ['inspect', '--raw', '--tls-verify=false', `docker://${name}`], {
    encoding: 'utf8',
  })
  const { layers } = JSON.parse(stdout) as { layers: { size: number }[] }
  return layers.reduce((sum, { size }) => sum + size, 0)
}
