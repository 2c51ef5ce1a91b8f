/** Large numbers of everything, each once: whether time grows with them alone, and memory stays below its bound. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { writeConf } from '../test/support/image.js'
import { archiveOf, writeLayout } from '../test/support/layout.js'
import { type Measurement, measure, ours, startMeasured } from '../test/support/measure.js'
import { SlowRegistry } from '../test/support/slow-registry.js'
import { makeClosure } from './closures.js'
import type { ScaleResult } from './results.js'
import { takeServed } from './serving.js'
import type { Bench } from './suite.js'

/** Bytes that any of these may take. */
const BOUND = 350e6

/** Takes what was measured, with what else was found. */
type Keep = (title: string, found: Measurement, note?: string) => void

/** @param directory empty, and removed afterwards */
type Scale = (directory: string, keep: Keep) => void | Promise<void>

export const SCALES: Record<string, Scale> = { files, layers, large, configurations, heads }

export async function scale({ work, scales, say }: Bench): Promise<ScaleResult[]> {
  const results: ScaleResult[] = []
  const keep: Keep = (title, { seconds, memory, descriptors, threads }, note = '') => {
    const over = memory > BOUND ? ['more memory than 350 MB'] : []
    const said = [note, ...over].filter((part) => part !== '').join('; ')
    results.push({ title, seconds, memory, descriptors, threads, note: said })
    say(`${title}: ${seconds.toFixed(2)} s, ${(memory / 1e6).toFixed(0)} MB; ${said}`)
  }
  const directory = join(work, 'scale')
  for (const name of scales) {
    rmSync(directory, { recursive: true, force: true })
    mkdirSync(directory, { recursive: true })
    await SCALES[name]!(directory, keep)
    rmSync(directory, { recursive: true, force: true })
  }
  return results
}

/** Of 100 bytes each, in a hundred layers, an eighth of them, and in one layer. */
function files(directory: string, keep: Keep): void {
  const shape = { layers: 100, entries: 1_250_000, bytes: 1e8, largest: 0, fileSize: 100 }
  const store_layers = makeClosure(join(directory, 'store'), shape)
  const take = (title: string, layers: string[][], ...args: string[]): void =>
    keep(title, measure('watched', ours(writeConf(directory, { store_layers: layers }), ...args)))
  take('an eighth of the million files', store_layers.slice(0, 12))
  take('1,000,000 files in 100 layers', store_layers)
  take('1,000,000 files in one layer', [store_layers.flat()])
  take('1,000,000 files, to an OCI layout', store_layers, '-o', `oci:${join(directory, 'layout')}`)
  keep('inspect of that layout', measure('watched', ours('inspect', `oci:${join(directory, 'layout')}`)))
  keep('verify of that layout', measure('watched', ours('verify', `oci:${join(directory, 'layout')}`)))
}

/** Of one small file each. */
function layers(directory: string, keep: Keep): void {
  const store = join(directory, 'store')
  mkdirSync(store)
  for (const count of [250, 2000]) {
    const store_layers = Array.from({ length: count }, (_, i) => [join(store, `${i}`)])
    for (const [path] of store_layers) writeFileSync(path!, `${path}\n`.repeat(100))
    const conf = writeConf(directory, { store_layers })
    const layout = `oci:${join(directory, `layout-${count}`)}`
    const take = (title: string, ...args: string[]): void => keep(title, measure('watched', ours(...args)))
    take(`${count} layers, to a pipe`, conf)
    take(`${count} layers, to an OCI layout`, conf, '-o', layout)
    take(`${count} layers, to an OCI layout that has them`, conf, '-o', layout)
    take(`copy of ${count} layers, to a pipe`, 'copy', layout, '-o', '-')
    take(`copy of ${count} layers, to a layout`, 'copy', layout, '-o', `${layout}-copy`)
    take(`inspect of ${count} layers`, 'inspect', layout, '--json')
    take(`verify of ${count} layers`, 'verify', layout)
  }
}

/** Sparse, so that no disk is needed. */
function large(directory: string, keep: Keep): void {
  const path = join(directory, 'large')
  spawnSync('truncate', ['-s', '20G', path])
  const conf = writeConf(directory, { store_layers: [[path]] })
  keep('one file of 20 GiB', measure('watched', ours(conf)))
}

/** Each of thirty layers that others have too, and one of its own. */
async function configurations(directory: string, keep: Keep): Promise<void> {
  const store = join(directory, 'store')
  const paths = makeClosure(store, { layers: 60, entries: 600, bytes: 4e6, largest: 0.05 })
  const names = Array.from({ length: 100 }, (_, i) => `app-${i}`)
  const confs = names.map((name, i) => {
    const own = join(directory, name)
    mkdirSync(own)
    writeFileSync(join(own, 'own'), name)
    const shared = Array.from({ length: 30 }, (_, k) => paths[(i + k) % paths.length]!)
    const store_layers = [...shared, [join(own, 'own')]]
    return writeConf(own, { repo_tag: `${name}:latest`, store_dir: directory, store_layers })
  })
  keep('100 configurations served, one client', await takeServed(confs, names, 1), 'takes all images')
  keep('100 configurations served, 50 clients', await takeServed(confs, names, 50), 'each takes all images')
}

/** Of an image whose blobs are all in the registry, which takes 50 ms for each answer. */
async function heads(directory: string, keep: Keep): Promise<void> {
  for (const count of [100, 10_000]) {
    const archives = Array.from({ length: count }, (_, i) => archiveOf(i))
    const { name, blobs } = writeLayout(join(directory, `${count}`), archives)
    const registry = await SlowRegistry.start(new Map(blobs.map(({ digest, size }) => [digest, size])), 50)
    const { ended } = startMeasured(ours('copy', name, '-o', `docker://${registry.host}/test:latest`))
    const found = await ended
    const note = `${registry.requests.HEAD} HEADs, ${registry.atOnce} at once`
    keep(`push of ${count} layers that are there, 50 ms an answer`, found, note)
    registry.stop()
  }
}
