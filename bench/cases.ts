/** What is measured, and the least ratio that each case is meant to reach. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { writeConf } from '../test/support/image.js'
import { makeBase, type Packing, packBase } from './base.js'
import { type ClosureShape, makeClosure } from './closures.js'

export interface Case {
  name: string
  /** For people. */
  title: string
  conf: string
  /** Directories to read before each run, so that the page cache is warm. */
  inputs: string[]
  output: 'pipe' | 'file'
  /** Whether ours has a warm cache of digests. */
  cached?: boolean
  /** What is run in place of the reference on `conf`. @param reference its command for a configuration */
  theirs?: (reference: (conf: string) => string[]) => string[]
}

const SHAPES = {
  closure: { layers: 100, entries: 75_000, bytes: 2.5e9, largest: 0.06 },
  small: { layers: 60, entries: 600, bytes: 4e6, largest: 0.05 },
  dominated: { layers: 500, entries: 113_000, bytes: 3.1e9, largest: 0.06 },
  big: { layers: 1, entries: 1, bytes: 2e9, largest: 1 },
  many: { layers: 50, entries: 125_000, bytes: 1e8, largest: 0, fileSize: 1024 },
} satisfies Record<string, ClosureShape>

/** A part of the closure, for how time grows with work: an eighth, a quarter, … */
function part(fraction: number): ClosureShape {
  const { layers, entries, bytes, largest } = SHAPES.closure
  return {
    layers: Math.round(layers * fraction),
    entries: entries * fraction,
    bytes: bytes * fraction,
    largest,
  }
}

export const CASES: Record<string, (work: string) => Case> = {
  closure: (work) => store(work, 'closure', SHAPES.closure, '100 layers, 2.5 GB, 75,000 entries'),
  small: (work) => store(work, 'small', SHAPES.small, '60 small layers, 4 MB'),
  dominated: (work) =>
    store(work, 'dominated', SHAPES.dominated, '100 layers, 3.1 GB, 80 % of it in the last', restInLast),
  big: (work) => store(work, 'big', SHAPES.big, 'one layer with one 2 GB file'),
  many: (work) => store(work, 'many', SHAPES.many, '100,000 files of 1 KB in 50 layers'),
  file: (work) => ({
    ...store(work, 'closure', SHAPES.closure, ''),
    name: 'file',
    title: '100 layers, 2.5 GB, to a file (-o FILE)',
    output: 'file',
  }),
  cached: (work) => ({
    ...store(work, 'closure', SHAPES.closure, ''),
    name: 'cached',
    title: '100 layers, 2.5 GB, digests remembered (--cache)',
    cached: true,
  }),
  base: baseCase,
  'base-gzip': (work) => packedBaseCase(work, 'gzip', CASES.closure!(work).conf, 'of 2.5 GB in 100 layers'),
  'base-zstd': (work) => packedBaseCase(work, 'zstd', CASES.closure!(work).conf, 'of 2.5 GB in 100 layers'),
  // The reference alone would take more than a minute for all of it.
  'base-xz': (work) => packedBaseCase(work, 'xz', growthCase(work, 2).conf, 'of 0.6 GB in 25 layers'),
}

/** The case of how time grows with work: 1, 2, 4, 8 eighths of the closure. */
export function growthCase(work: string, eighths: number): Case {
  return store(work, `growth-${eighths}`, part(eighths / 8), `${eighths}/8 of the closure`)
}

/** An eighth of the case of many files. */
export function manyPart(work: string): Case {
  const shape = { ...SHAPES.many, entries: SHAPES.many.entries / 8, bytes: SHAPES.many.bytes / 8 }
  return store(work, 'many-part', shape, 'an eighth of the many files')
}

/** A case on real store paths, one a layer. */
export function storePathsCase(work: string, paths: readonly string[]): Case {
  const directory = join(work, 'store-paths')
  mkdirSync(directory, { recursive: true })
  const conf = writeConf(directory, { store_dir: '/nix/store', store_layers: paths.map((path) => [path]) })
  return {
    name: 'store-paths',
    title: `${paths.length} given store paths`,
    conf,
    inputs: [...paths],
    output: 'pipe',
  }
}

/** As nixpkgs makes layers of a large closure: a hundredth one takes all that is left. */
function restInLast(paths: string[][]): string[][] {
  return [...paths.slice(0, 99), paths.slice(99).flat()]
}

function store(
  work: string,
  name: string,
  shape: ClosureShape,
  title: string,
  layered = (paths: string[][]): string[][] => paths,
): Case {
  const directory = join(work, name)
  const layers = layered(makeClosure(join(directory, 'store'), shape))
  const conf = writeConf(directory, { store_dir: join(directory, 'store'), store_layers: layers })
  return { name, title, conf, inputs: [join(directory, 'store')], output: 'pipe' }
}

function baseCase(work: string): Case {
  const base = makeBase(join(made(work, 'base'), 'base.tar'), CASES.closure!(work).conf)
  return {
    name: 'base',
    title: 'a base of 2.5 GB in 100 layers, 5 small layers on top',
    ...onTop(join(work, 'base'), base),
    output: 'pipe',
  }
}

/** CPython reads gzip and xz itself; what zstd has packed is unpacked into a file for it, which counts as its time. */
function packedBaseCase(work: string, packing: Packing, conf: string, title: string): Case {
  const directory = made(work, `base-${packing}`)
  // The whole closure's base is that of the case `base`.
  const isWhole = conf === CASES.closure!(work).conf
  const plain = makeBase(join(isWhole ? made(work, 'base') : directory, 'base.tar'), conf)
  const base = packBase(join(directory, `base.tar.${packing}`), packing, plain)
  const it: Case = {
    name: `base-${packing}`,
    title: `a base ${title}, packed with ${packing}, 5 small layers on top`,
    ...onTop(directory, base),
    output: 'pipe',
  }
  if (packing !== 'zstd') return it
  const unpacked = join(directory, 'unpacked.tar')
  const onUnpacked = join(directory, 'unpacked.json')
  writeFileSync(
    onUnpacked,
    JSON.stringify({ ...JSON.parse(readFileSync(it.conf, 'utf8')), from_image: unpacked }),
  )
  const script = 'zstd -qdcf "$0" > "$1" && shift && "$@"'
  return { ...it, theirs: (reference) => ['sh', '-c', script, base, unpacked, ...reference(onUnpacked)] }
}

function made(work: string, name: string): string {
  const directory = join(work, name)
  mkdirSync(directory, { recursive: true })
  return directory
}

/** Five small layers on a base. */
function onTop(directory: string, base: string): Pick<Case, 'conf' | 'inputs'> {
  const store = join(directory, 'store')
  const layers = makeClosure(store, { layers: 5, entries: 50, bytes: 5e5, largest: 0.1 })
  const conf = writeConf(directory, { store_dir: store, store_layers: layers, from_image: base })
  return { conf, inputs: [base, store] }
}
