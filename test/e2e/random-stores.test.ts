import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { type ConfDocument, writeConf } from '../support/image.js'
import { skipWithoutPython } from '../support/python.js'
import { assertSameAsOracle } from '../support/same.js'
import { scratchDirectory } from '../support/scratch.js'
import { materialise, storePath } from '../support/tree.js'

const RUNS = Number(process.env.RANDOM_STORES ?? 110)

const owner = fc.record({
  uid: fc.oneof(
    fc.nat(5000).map(String),
    fc.constantFrom<string | number>('2097151', '2097152', -1, 4294967294, ' 7 ', '1_000'),
  ),
  gid: fc.oneof(fc.nat(5000), fc.constantFrom<string | number>('2097152', '-3')),
  uname: fc.constantFrom('root', '', 'jürgen', 'u'.repeat(32), 'u'.repeat(33), '😀'),
  gname: fc.constantFrom('root', 'wheel', '', 'g'.repeat(40)),
  created: fc.constantFrom(
    '1970-01-01T00:00:01Z',
    '2024-02-29T12:34:56.789+05:30',
    '19700101',
    '2020-W53-7T23:59:59,5-00:00:30',
    '1969-12-31T23:59:58.5Z',
  ),
  mtime: fc.constantFrom(
    '1970-01-01T00:00:01Z',
    '2242-03-16T12:56:32Z',
    '2242-03-16T12:56:31Z',
    '1969-12-31T23:59:58.5Z',
    '0001-01-01T00:00:00+00:00',
    '9999-12-31T23:59:59.999999Z',
    '2024-07-01 12:00:00',
  ),
  repo_tag: fc.constantFrom('demo:latest', 'ö/"x"', ''),
  config: fc.constantFrom<unknown>(
    {},
    { Cmd: ['/bin/sh'], Env: ['A=1', 'B=2', 'A=3'], '2': { '1': null, '0': [] } },
    { Labels: { 'ü\u007f': '\ud83d\ude00\ud800' } },
  ),
})

const stores = fc.array(fc.array(storePath, { maxLength: 4 }), { minLength: 1, maxLength: 4 })

test(`builds ${RUNS} random images, each of several trees, as CPython does`, {
  skip: skipWithoutPython,
}, async () => {
  const root = scratchDirectory()
  let trees = 0
  let count = 0
  await fc.assert(
    fc.property(stores, owner, (layers, overrides) => {
      const directory = join(root, String(count++))
      mkdirSync(directory)
      const files: Buffer[] = []
      const storeLayers = layers.map((layer, i) =>
        layer.map((tree, k) => {
          const path = join(directory, `${i}${k}-path`)
          materialise(path, tree, files)
          trees++
          return path
        }),
      )
      const conf = writeConf(directory, {
        ...(overrides as Partial<ConfDocument>),
        store_layers: storeLayers,
      })
      assertSameAsOracle(conf)
      rmSync(directory, { recursive: true, force: true })
    }),
    { numRuns: RUNS, seed: 20, endOnFailure: true },
  )
  assert.ok(trees >= 2 * RUNS, `${trees} trees`)
  assert.equal(readdirSync(root).length, 0)
})
