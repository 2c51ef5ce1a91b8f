import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import {
  type BaseParts,
  documents,
  makeTar,
  noise,
  sha256,
  type TarMember,
  type TarOptions,
} from '../support/base.js'
import { runCli, sha256File, writeConf } from '../support/image.js'
import { skipWithoutPython } from '../support/python.js'
import { assertSameAsOracle } from '../support/same.js'
import { directoriesIn, scratchDirectory } from '../support/scratch.js'

interface OciManifest {
  manifests?: { digest: string }[]
  layers?: { digest: string }[]
}

const root = scratchDirectory()
const directory = directoriesIn(root)

/** Builds on a base with both programs; two small store layers on top. */
function checkBase(members: TarMember[], options: TarOptions = {}, config: unknown = {}): string {
  const path = directory()
  const store = join(path, 'store')
  mkdirSync(store)
  writeFileSync(join(store, 'a'), 'a')
  const base = makeTar(join(path, 'base.tar'), members, options)
  const conf = writeConf(path, { from_image: base, store_layers: [[join(store, 'a')], []], config })
  assertSameAsOracle(conf)
  return conf
}

const layers: TarMember[] = [
  {
    name: `${'1'.repeat(64)}/layer.tar`,
    data: noise(200_000, 1),
    fields: { mtime: 1700000000, uid: 5, gname: 'staff', mode: 0o600 },
  },
  { name: `${'2'.repeat(64)}.tar`, data: noise(1000, 2) },
  { name: 'blobs/sha256/abc', data: noise(512 * 300, 3) },
  { name: 'empty/layer.tar', data: '' },
]
const parts: BaseParts = { layers }

describe('base images, as CPython reads them', { skip: skipWithoutPython }, () => {
  test('documents at the end', () => void checkBase([...layers, ...documents(parts)]))
  test('documents at the start', () => void checkBase([...documents(parts), ...layers]))
  test('layers in another order than the manifest lists them', () =>
    void checkBase([...layers.toReversed(), ...documents(parts)]))
  test('one layer listed twice', () => {
    const twice = [layers[0]!, layers[1]!, layers[0]!]
    checkBase([...layers, ...documents({ layers: twice })])
  })
  test('of several members with one name, the last', () => {
    const old: TarMember[] = [
      { name: layers[1]!.name, data: 'old' },
      { name: 'manifest.json', data: '{}' },
    ]
    checkBase([...old, ...layers, ...documents(parts)])
  })
  test('layers that are symlinks and hard links to others', () => {
    const links: TarMember[] = [
      { name: 'aaa/layer.tar', type: '2', linkname: `../${layers[1]!.name}` },
      { name: 'bbb/layer.tar', type: '1', linkname: layers[0]!.name },
      { name: 'ccc/layer.tar', type: '2', linkname: '../aaa/layer.tar' },
    ]
    const all = [...layers, ...links]
    const targets = [...layers, layers[1]!, layers[0]!, layers[1]!]
    const diffIds = targets.map((layer) => `sha256:${sha256(layer.data!)}`)
    checkBase([...all, ...documents({ layers: all, diffIds })])
  })
  test('layers that are links give blobs of what they lead to, from a plain base and a compressed one', () => {
    const links: TarMember[] = [
      { name: 'aaa/layer.tar', type: '2', linkname: `../${layers[1]!.name}` },
      { name: 'bbb/layer.tar', type: '1', linkname: layers[0]!.name },
    ]
    const all = [...layers, ...links]
    const diffIds = [...layers, layers[1]!, layers[0]!].map((layer) => `sha256:${sha256(layer.data!)}`)
    for (const compression of ['none', 'gz'] as const) {
      const path = directory()
      const members = [...all, ...documents({ layers: all, diffIds })]
      const base = makeTar(join(path, 'base.tar'), members, { compression })
      const layout = join(path, 'layout')
      const run = runCli(writeConf(path, { from_image: base }), ['-o', `oci:${layout}`])
      assert.equal(run.status, 0, run.stderr)
      const { manifests } = JSON.parse(readFileSync(join(layout, 'index.json'), 'utf8')) as OciManifest
      const blob = (digest: string): string => join(layout, 'blobs', digest.replace(':', '/'))
      const manifest = JSON.parse(readFileSync(blob(manifests![0]!.digest), 'utf8')) as OciManifest
      const digests = manifest.layers!.map(({ digest }) => digest)
      assert.deepEqual(digests.slice(0, all.length), diffIds)
      for (const digest of diffIds) assert.equal(`sha256:${sha256File(blob(digest))}`, digest)
    }
  })
  for (const format of ['PAX', 'GNU', 'USTAR'] as const) {
    test(`long names and odd owners in ${format} format`, () => {
      const odd: TarMember[] = [
        {
          name: `${'d/'.repeat(40)}${'n'.repeat(format === 'USTAR' ? 60 : 90)}/layer.tar`,
          data: 'x'.repeat(700),
        },
        {
          name: 'owner.tar',
          data: 'y',
          fields:
            format === 'USTAR' ? { uname: 'me' } : { uid: 3000000, gid: 8 ** 7, uname: 'jürgen', mtime: 5 },
        },
      ]
      checkBase([...odd, ...documents({ layers: odd })], { format })
    })
  }
  test('pax records of members: fractional and negative times, unknown keys, undecodable bytes', () => {
    const odd: TarMember[] = [
      { name: 'a.tar', data: 'a', pax: { mtime: '1700000000.123456789', comment: 'kept' } },
      { name: 'b.tar', data: 'b', fields: { mtime: -1.5 } },
      {
        name: 'c.tar',
        data: 'c',
        pax: { 'SCHILY.xattr.user.x': '\udcff\udc80', '12': 'integer-like key', b: '1' },
      },
      { name: 'dé.tar', data: 'd', fields: { gname: '\udce9' } },
    ]
    checkBase([...odd, ...documents({ layers: odd })])
  })
  test('global pax records', () => {
    checkBase([...layers, ...documents(parts)], { globals: { comment: 'for all', mtime: '12.5' } })
  })
  test('an old-style type and a contiguous file', () => {
    const odd: TarMember[] = [
      { name: 'a.tar', data: 'a', type: '\0' },
      { name: 'b.tar', data: 'bb', type: '7' },
    ]
    checkBase([...odd, ...documents({ layers: odd })])
  })
  test('environments overlaid, null and missing', () => {
    const top = { Env: ['BASE=2', 'NEW=1', 'NEW=2', 'X'], Cmd: ['a'] }
    checkBase([...layers, ...documents(parts)], {}, top)
    checkBase([...layers, ...documents(parts)], {}, { Cmd: [] })
    for (const config of [null, {}, { Env: null }, { Env: [] }])
      checkBase([...layers, ...documents({ layers, config })], {}, top)
  })
  test('no layers at all', () => void checkBase(documents({ layers: [] })))
  for (const compression of ['gz', 'bz2', 'xz'] as const) {
    test(`compressed with ${compression}`, () => {
      checkBase([...layers, ...documents(parts)], { compression })
      checkBase([...documents(parts), ...layers.toReversed()], { compression })
    })
  }
  test('an image of our own as a base', () => {
    const conf = checkBase([...layers, ...documents(parts)])
    const path = directory()
    assertSameAsOracle(writeConf(path, { from_image: `${conf}.ours.tar` }))
  })

  test('zstd, and several streams in one file: the same as uncompressed', () => {
    const path = directory()
    const base = makeTar(join(path, 'base.tar'), [...layers, ...documents(parts)])
    const conf = writeConf(path, { from_image: base })
    const expected = sha256File(assertSameAsOracle(conf).output)
    const bytes = readFileSync(base)
    for (const [suffix, ...command] of [
      ['zst', 'zstd', '-q'],
      ['zst', 'zstd', '-q', '-19', '--long=26'],
      ['gz', 'gzip'],
      ['bz2', 'bzip2'],
      ['xz', 'xz'],
    ] as const) {
      const pieces = [bytes.subarray(0, 100_000), bytes.subarray(100_000)].map(
        (input) => spawnSync(command[0]!, command.slice(1), { input, maxBuffer: 1 << 28 }).stdout,
      )
      const compressed = join(path, `base.${suffix}`)
      writeFileSync(compressed, Buffer.concat(pieces))
      const document = JSON.parse(readFileSync(conf, 'utf8')) as object
      const other = join(path, `${suffix}.json`)
      writeFileSync(other, JSON.stringify({ ...document, from_image: compressed }))
      const run = runCli(other)
      assert.equal(run.status, 0, `${suffix}: ${run.stderr}`)
      assert.equal(sha256File(run.output), expected, suffix)
    }
  })
})
