import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { type Closure, closureOf, referrersFirst, type StorePath } from '../../src/closure/closure.js'
import { nixpkgsLayers, stableLayers } from '../../src/closure/layers.js'
import { byPopularity } from '../../src/closure/popularity.js'
import { SOURCE } from '../support/nix.js'

/** `name: [references]`, with sizes of 1 unless given. */
function closure(graph: Record<string, string[]>, sizes: Record<string, number> = {}): Closure {
  const path = (name: string): string => `/nix/store/${name}-${name}`
  return new Map(
    Object.entries(graph).map(([name, references]): [string, StorePath] => [
      path(name),
      { path: path(name), narHash: '', size: sizes[name] ?? 1, references: references.map(path) },
    ]),
  )
}

const names = (paths: readonly string[]): string[] => paths.map((path) => path.split('-').at(-1)!)

test('the popularity contest: ways are counted, not only paths', () => {
  const graph = { A: ['B', 'G'], B: ['C', 'E'], C: ['D', 'E'], D: ['F'], E: ['F'], F: [], G: [] }
  assert.deepEqual(names(byPopularity(closure(graph))), ['F', 'E', 'D', 'C', 'B', 'G', 'A'])
})

test('the popularity contest gives the order of an independent one on random graphs', () => {
  const graphs = Array.from({ length: 40 }, (_, seed) => randomGraph(seed + 1))
  const { stdout, stderr } = spawnSync('python3', [join(SOURCE, 'test/closure/contest.py')], {
    input: JSON.stringify(graphs),
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  })
  const expected = JSON.parse(stdout || stderr) as string[][]
  for (const [i, graph] of graphs.entries()) {
    const paths = new Map(
      Object.entries(graph).map(([path, references]): [string, StorePath] => [
        path,
        { path, narHash: '', size: 1, references: references.filter((it) => it !== path) },
      ]),
    )
    assert.deepEqual(byPopularity(paths), expected[i], `graph ${i}`)
  }
})

/** Paths that refer to earlier ones, some to themselves; a few have the same name. */
function randomGraph(seed: number): Record<string, string[]> {
  let state = seed * 7919
  const random = (below: number): number => {
    state = (state * 48271) % 2147483647
    return state % below
  }
  const graph: Record<string, string[]> = {}
  const paths: string[] = []
  for (let i = 0; i < 5 + random(30); i++) {
    const path = `/nix/store/${random(1e9).toString(36).padStart(8, 'x')}-${['lib', 'app', 'a-b'][random(3)]}-${random(9)}`
    if (graph[path] !== undefined) continue
    graph[path] = paths.filter(() => random(4) === 0).concat(random(5) === 0 ? [path] : [])
    paths.push(path)
  }
  return graph
}

test('a circle is named, and so is a path that is missing', () => {
  const circle = closure({ a: ['b'], b: ['c'], c: ['d'], d: ['b'] })
  assert.throws(() => referrersFirst(circle), {
    code: 'STORE_PATH_INVALID',
    message: /refer to each other: .*(b-b → .*c-c → .*d-d|c-c → .*d-d → .*b-b|d-d → .*b-b → .*c-c)/,
  })
  const whole = closure({ a: ['b'], b: [] })
  const [a] = whole.keys()
  assert.throws(
    () => closureOf([a!], new Map([...whole].slice(0, 1)), 'file'),
    /file: expected .*b-b, which .*a-a refers to/,
  )
})

test("nixpkgs' layers: the most popular alone, the rest in one", () => {
  const graph = { a: ['b', 'c', 'd'], b: ['d'], c: ['d'], d: [] }
  assert.deepEqual(nixpkgsLayers(closure(graph), 3).map(names), [['d'], ['b'], ['c', 'a']])
  assert.deepEqual(nixpkgsLayers(closure(graph), 4).map(names), [['d'], ['b'], ['c'], ['a']])
  assert.deepEqual(nixpkgsLayers(closure(graph), 9).map(names), [['d'], ['b'], ['c'], ['a']])
  assert.deepEqual(nixpkgsLayers(closure(graph), 1).map(names), [['d', 'b', 'c', 'a']])
})

test('our layers keep what stayed, put what is new on top, and move paths only to respect the limit', () => {
  const first = stableLayers(closure({ app: ['lib', 'data'], lib: ['libc'], data: [], libc: [] }), 10)
  assert.deepEqual(first.map(names), [['libc'], ['data'], ['lib'], ['app']])
  const leaf = closure({ app2: ['lib', 'data'], lib: ['libc'], data: [], libc: [] })
  assert.deepEqual(stableLayers(leaf, 10, first).map(names), [['libc'], ['data'], ['lib'], ['app2']])
  const middle = closure({ app3: ['lib2', 'data'], lib2: ['libc'], data: [], libc: [] })
  assert.deepEqual(stableLayers(middle, 10, first).map(names), [['libc'], ['data'], ['lib2'], ['app3']])
  const data = closure({ app4: ['lib', 'data2'], lib: ['libc'], data2: [], libc: [] })
  assert.deepEqual(stableLayers(data, 10, first).map(names), [['libc'], ['lib'], ['data2'], ['app4']])
  // One more path than there is room for: the two neighbours with the fewest bytes share a layer.
  const more = closure(
    { app: ['lib', 'data'], lib: ['libc'], data: [], libc: [], new: [] },
    { lib: 9, libc: 2 },
  )
  assert.deepEqual(stableLayers(more, 4, first).map(names), [['libc', 'data'], ['lib'], ['app'], ['new']])
  const gone = closure({ lib: ['libc'], libc: [] })
  assert.deepEqual(stableLayers(gone, 10, first).map(names), [['libc'], ['lib']])
})

test('our layers are never more than the limit, and have each path once', () => {
  for (let seed = 1; seed < 30; seed++) {
    const graph = randomGraph(seed)
    const all: Closure = new Map(
      Object.entries(graph).map(([path, references]) => [
        path,
        { path, narHash: '', size: path.length * seed, references: references.filter((it) => it !== path) },
      ]),
    )
    for (const most of [1, 2, 3, 5, 8, 13]) {
      const first = stableLayers(all, most)
      const part: Closure = new Map(
        [...all].filter((_, i) => i % 3 > 0).map(([path, it]) => [path, { ...it, references: [] }]),
      )
      for (const [layers, of] of [
        [first, all],
        [stableLayers(part, most, first), part],
        [stableLayers(all, most, stableLayers(part, most)), all],
        [stableLayers(all, Math.max(1, most - 2), first), all],
      ] as const) {
        assert.ok(layers.length <= most && layers.every((paths) => paths.length > 0))
        assert.deepEqual(layers.flat().sort(), [...of.keys()].sort())
      }
    }
  }
})

test('large paths have a layer of their own before the tail becomes one giant', () => {
  const graph = Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`p${i}`, i > 0 ? ['p0'] : []]))
  const layers = stableLayers(closure(graph, { p38: 1000, p39: 2000 }), 10)
  assert.deepEqual(
    layers
      .filter((paths) => paths.length === 1)
      .flatMap(names)
      .slice(-2),
    ['p38', 'p39'],
  )
})
