/** What the verbs that read images take: of the closure, and of two images that share 99 of 100 layers. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { CASES } from './cases.js'
import { makeClosure } from './closures.js'
import { CLI, type Measurement, measure } from './programs.js'
import type { ReadResult } from './results.js'
import { median } from './statistics.js'

export function readCases(work: string, runs: number): ReadResult[] {
  const directory = join(work, 'reading')
  mkdirSync(directory, { recursive: true })
  const { conf } = CASES.closure!(work)
  const changed = withOtherLast(conf, directory)
  const cache = ['--cache', join(directory, 'cache')]
  const ours = (...args: string[]): string[] => [process.execPath, CLI, ...args]
  const archives = [conf, changed].map((from, i) => {
    const archive = join(directory, `image-${i}.tar`)
    if (!existsSync(archive)) measure('pipe', ours(from, '-o', archive, ...cache))
    return archive as string
  })
  // What diff finds is status 1.
  const differing = (...args: string[]): string[] => [
    'sh',
    '-c',
    '"$@"; [ $? = 1 ]',
    'sh',
    ...ours('diff', ...args),
  ]
  const cases: [string, string[]][] = [
    ['inspect a configuration, digests remembered', ours('inspect', conf, '--json', ...cache)],
    ['inspect an archive, which is read', ours('inspect', archives[0]!, '--json')],
    ['diff of two configurations, digests remembered', differing(conf, changed, ...cache)],
    ['diff of two archives', differing(archives[0]!, archives[1]!)],
    ['verify an archive', ours('verify', archives[0]!)],
  ]
  return cases.map(([title, command]) => {
    const found = Array.from({ length: runs }, (): Measurement => measure('pipe', command))
    return {
      title,
      seconds: median(found.map(({ seconds }) => seconds)),
      memory: Math.max(...found.map(({ memory }) => memory)),
    }
  })
}

/** The same image, but for its last layer. */
function withOtherLast(conf: string, directory: string): string {
  const document = JSON.parse(readFileSync(conf, 'utf8')) as { store_layers: string[][]; store_dir: string }
  const shape = { layers: 1, entries: 500, bytes: 2e7, largest: 0.2 }
  const [other] = makeClosure(join(document.store_dir, 'other'), shape)
  const changed = join(directory, 'changed.json')
  writeFileSync(
    changed,
    JSON.stringify({ ...document, store_layers: [...document.store_layers.slice(0, -1), other] }),
  )
  return changed
}
