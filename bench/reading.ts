/** What the verbs that read images take: of the closure, and of two images that share 99 of 100 layers. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Measurement, measure, ours } from '../test/support/measure.js'
import { CASES } from './cases.js'
import { makeClosure } from './closures.js'
import type { ReadResult } from './results.js'
import { median } from './statistics.js'

/** A run of a verb. */
export interface Reading {
  title: string
  command: string[]
  /** Its exit status: what diff finds is 1. */
  status: number
}

export function readings(work: string): Reading[] {
  const directory = join(work, 'reading')
  mkdirSync(directory, { recursive: true })
  const { conf } = CASES.closure!(work)
  const changed = withOtherLast(conf, directory)
  const cache = ['--cache', join(directory, 'cache')]
  const [archive, other] = [conf, changed].map((from, i) => {
    const path = join(directory, `image-${i}.tar`)
    if (!existsSync(path)) measure('pipe', ours(from, '-o', path, ...cache))
    return path
  }) as [string, string]
  const reading = (title: string, status: number, ...args: string[]): Reading => {
    return { title, status, command: ours(...args) }
  }
  return [
    reading('inspect a configuration, digests remembered', 0, 'inspect', conf, '--json', ...cache),
    reading('inspect an archive, which is read', 0, 'inspect', archive, '--json'),
    reading('diff of two configurations, digests remembered', 1, 'diff', conf, changed, ...cache),
    reading('diff of two archives', 1, 'diff', archive, other),
    reading('verify an archive', 0, 'verify', archive),
  ]
}

export function readCases(work: string, runs: number): ReadResult[] {
  return readings(work).map(({ title, command, status }) => {
    const found = Array.from({ length: runs }, (): Measurement => measure('pipe', command, {}, status))
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
