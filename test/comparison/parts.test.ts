import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { findCauses } from '../../src/comparison/causes.js'
import { compareOrder } from '../../src/comparison/layer-order.js'
import { pairLayers } from '../../src/comparison/layer-pairs.js'
import type { LayerChange, PathChange } from '../../src/comparison/result.js'
import { pairByName, storeName } from '../../src/comparison/store-names.js'
import { Rewrites } from '../../src/layers/rewriter.js'
import { digestOf } from '../../src/model/digest.js'

const HASH = 'abcdfghijklmnpqrsvwxyz0123456789'
const at = (name: string, hash = HASH): string => `/nix/store/${hash}-${name}`

test('a store path has a program, with its output, and a version', () => {
  const programs = {
    'openssl-3.0.14': 'openssl',
    'openssl-3.0.14-dev': 'openssl-dev',
    'python3.11-requests-2.31.0': 'python3.11-requests',
    'bash-interactive-5.2-p15': 'bash-interactive',
    hello: 'hello',
    'source-a': 'source-a',
    'x-1': 'x',
  }
  for (const [name, program] of Object.entries(programs))
    assert.equal(storeName(at(name))?.program, program, name)
  assert.equal(storeName('/nix/store/short-name'), undefined)
  assert.equal(storeName(at('x', 'e'.repeat(32))), undefined)
})

test('store paths take the place of those of the same name, then of the same program, then of none', () => {
  const removed = [at('lib-1'), at('lib-1-dev'), at('app-2'), at('gone-1')]
  const added = [at('app-2', '0'.repeat(32)), at('lib-2-dev'), at('lib-2'), at('new-1')]
  assert.deepEqual(pairByName(removed, added), [
    [0, 2],
    [1, 1],
    [2, 0],
  ])
})

test('any number of store paths have one name', () => {
  const COUNT = 200_000
  const paths = (first: number): string[] =>
    Array.from({ length: COUNT }, (_, i) => at('source', String(first + i).padStart(32, '0')))
  const pairs = pairByName(paths(0), paths(COUNT))
  assert.equal(pairs.length, COUNT)
  assert.ok(pairs.every(([i, j]) => i === j))
})

test('of layers in another order as few as can be have moved; of equal ones the first goes with the first', () => {
  const list = (text: string) => [...text].map((letter) => digestOf(Buffer.from(letter)))
  const order = (from: string, to: string) => compareOrder(list(from), list(to))
  assert.deepEqual(order('abcd', 'abcd').same.length, 4)
  assert.deepEqual(order('abcd', 'dabc').moved, [[3, 0]])
  assert.deepEqual(order('abc', 'xabc'), {
    same: [
      [0, 1],
      [1, 2],
      [2, 3],
    ],
    moved: [],
    removed: [],
    added: [0],
  })
  assert.deepEqual(order('aba', 'ab'), {
    same: [
      [0, 0],
      [1, 1],
    ],
    moved: [],
    removed: [2],
    added: [],
  })
  assert.deepEqual(order('', 'ab').added, [0, 1])
})

test('every layer is in one of the four lists, whatever the images are', () => {
  const letters = fc.array(fc.constantFrom('a', 'b', 'c', 'd', 'e').map((it) => digestOf(Buffer.from(it))))
  fc.assert(
    fc.property(letters, letters, (from, to) => {
      const { same, moved, removed, added } = compareOrder(from, to)
      const pairs = [...same, ...moved]
      for (const [i, j] of pairs) assert.equal(from[i], to[j])
      assert.deepEqual(
        [...pairs.map(([i]) => i), ...removed].sort((a, b) => a - b),
        [...from.keys()],
      )
      assert.deepEqual(
        [...pairs.map(([, j]) => j), ...added].sort((a, b) => a - b),
        [...to.keys()],
      )
      for (const [k, [i, j]] of same.entries())
        if (k > 0) assert.ok(same[k - 1]![0] < i && same[k - 1]![1] < j)
    }),
  )
})

test('layers are versions of those that they have most in common with', () => {
  const groups = (...paths: string[]) => paths.map((path) => ({ path, members: 1, bytes: 1 }))
  const from = new Map([
    [0, groups('/', at('a-1'), at('b-1'))],
    [1, groups('/', at('c-1'))],
    [2, groups('/etc')],
    [3, groups('/')],
  ])
  const to = new Map([
    [0, groups('/', at('c-2'), at('b-1'))],
    [1, groups('/', at('a-1'), at('b-1'), at('d-1'))],
    [4, groups('/opt')],
    [5, groups()],
  ])
  assert.deepEqual(pairLayers(from, to), [
    [1, 0],
    [0, 1],
    [3, 5],
  ])
})

test('names are read as others, wherever the bytes are cut', () => {
  const [same, shorter] = ['0'.repeat(32), '1'.repeat(32)]
  const rewrites = new Rewrites([
    { from: `${HASH}-lib-2`, to: `${same}-lib-1` },
    { from: `${'z'.repeat(32)}-longer-10`, to: `${shorter}-longer-9` },
  ])
  const text = `a${HASH}-lib-2/x ${HASH}-lib- ${HASH} ${'z'.repeat(33)}-longer-10 ${HASH.slice(1)}-lib-2 ${HASH}-lib-2`
  const expected = `a${same}-lib-1/x ${same}-lib- ${same} ${shorter}z-longer-10 ${HASH.slice(1)}-lib-2 ${same}-lib-1`
  for (let cut = 1; cut < text.length; cut++) {
    const found = new Set<number>()
    const out: Buffer[] = []
    const stream = rewrites.stream(found, (bytes) => void out.push(Buffer.from(bytes)))
    for (let i = 0; i < text.length; i += cut) stream.accept(Buffer.from(text.slice(i, i + cut)))
    stream.finish()
    assert.equal(Buffer.concat(out).toString(), expected, `${cut}`)
    assert.deepEqual([...found], [0, 1])
  }
  const found = new Set<number>()
  assert.equal(rewrites.text(`/nix/store/${HASH}-lib-2/bin`, found), `/nix/store/${same}-lib-1/bin`)
  assert.equal(
    rewrites.text(`/nix/store/${'z'.repeat(32)}-longer-10`, found),
    `/nix/store/${shorter}-longer-10`,
  )
  assert.equal(rewrites.text('no-name', found), 'no-name')
})

test('what began a change is found through all that lie between', () => {
  const change = (to: string, mentions?: string[], isOther = false): PathChange => ({
    change: 'replaced',
    ...{ from: to, to, ...(mentions && { mentions }) },
    differing: isOther ? [{ change: 'added', name: 'x', fields: [] }] : [],
  })
  const paths = [
    change('libc', undefined, true),
    change('lib', ['libc']),
    change('app', ['lib', 'other']),
    change('other', ['libc'], true),
    change('ring-a', ['ring-b']),
    change('ring-b', ['ring-a']),
  ]
  const layer: LayerChange = { change: 'changed', paths }
  findCauses([layer])
  assert.deepEqual(
    paths.map(({ causes }) => causes),
    [undefined, ['libc'], ['libc', 'other'], undefined, ['ring-b'], ['ring-a']],
  )
})
