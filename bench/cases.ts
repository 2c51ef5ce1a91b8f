/** What is measured, and the least ratio that each case is meant to reach. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { writeConf } from '../test/support/image.js'
import { makeBase } from './base.js'
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
  /** How many times as fast as the reference this should be. */
  target: number
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
  closure: (work) => store(work, 'closure', SHAPES.closure, '100 layers, 2.5 GB, 75,000 entries', 6),
  small: (work) => store(work, 'small', SHAPES.small, '60 small layers, 4 MB', 1.5),
  dominated: (work) =>
    store(work, 'dominated', SHAPES.dominated, '100 layers, 3.1 GB, 80 % of it in the last', 6.5, restInLast),
  big: (work) => store(work, 'big', SHAPES.big, 'one layer with one 2 GB file', 1),
  many: (work) => store(work, 'many', SHAPES.many, '100,000 files of 1 KB in 50 layers', 8),
  file: (work) => ({
    ...store(work, 'closure', SHAPES.closure, '', 4),
    name: 'file',
    title: '100 layers, 2.5 GB, to a file (-o FILE)',
    output: 'file',
  }),
  cached: (work) => ({
    ...store(work, 'closure', SHAPES.closure, '', 8),
    name: 'cached',
    title: '100 layers, 2.5 GB, digests remembered (--cache)',
    cached: true,
  }),
  base: baseCase,
}

/** The case of how time grows with work: 1, 2, 4, 8 eighths of the closure. */
export function growthCase(work: string, eighths: number): Case {
  return store(work, `growth-${eighths}`, part(eighths / 8), `${eighths}/8 of the closure`, 0)
}

/** An eighth of the case of many files. */
export function manyPart(work: string): Case {
  const shape = { ...SHAPES.many, entries: SHAPES.many.entries / 8, bytes: SHAPES.many.bytes / 8 }
  return store(work, 'many-part', shape, 'an eighth of the many files', 0)
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
    target: 0,
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
  target: number,
  layered = (paths: string[][]): string[][] => paths,
): Case {
  const directory = join(work, name)
  const layers = layered(makeClosure(join(directory, 'store'), shape))
  const conf = writeConf(directory, { store_dir: join(directory, 'store'), store_layers: layers })
  return { name, title, conf, inputs: [join(directory, 'store')], output: 'pipe', target }
}

function baseCase(work: string): Case {
  const closure = CASES.closure!(work)
  const directory = join(work, 'base')
  mkdirSync(directory, { recursive: true })
  const base = makeBase(join(directory, 'base.tar'), closure.conf)
  const shape = { layers: 5, entries: 50, bytes: 5e5, largest: 0.1 }
  const layers = makeClosure(join(directory, 'store'), shape)
  const conf = writeConf(directory, {
    store_dir: join(directory, 'store'),
    store_layers: layers,
    from_image: base,
  })
  return {
    name: 'base',
    title: 'a base of 2.5 GB in 100 layers, 5 small layers on top',
    conf,
    inputs: [directory],
    output: 'pipe',
    target: 1.2,
  }
}
