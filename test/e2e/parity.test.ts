import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { documents, makeTar } from '../support/base.js'
import { HARD_CASES, makeStore } from '../support/hard-cases.js'
import { CLI, makeCustomisation, runCli, sha256File, writeConf } from '../support/image.js'
import { skipWithoutPython } from '../support/python.js'
import { assertSameAsOracle } from '../support/same.js'
import { scratchDirectory } from '../support/scratch.js'

const root = scratchDirectory()

describe('the same bytes as CPython', { skip: skipWithoutPython }, () => {
  for (const [i, hardCase] of HARD_CASES.entries()) {
    test(hardCase.name, () => {
      const directory = join(root, String(i))
      assertSameAsOracle(writeConf(mkdirAnd(directory), hardCase.make(makeStore(directory))))
    })
  }

  const skip = process.getuid?.() === 0 ? false : 'needs root, to make device nodes'
  test('devices and fifos', { skip }, () => {
    const directory = mkdirAnd(join(root, 'devices'))
    const store = makeStore(directory)
    mkdirSync(join(store, 'p'))
    for (const [name, ...rest] of [
      ['zero', 'c', '1', '5'],
      ['disk', 'b', '259', '70000'],
      ['pipe', 'p'],
    ] as const) {
      assert.equal(spawnSync('mknod', [join(store, 'p', name), ...rest]).status, 0)
    }
    assertSameAsOracle(writeConf(directory, { store_layers: [[join(store, 'p')]] }))
  })

  test('numbers that JavaScript would round or reorder, and duplicate keys', () => {
    const directory = mkdirAnd(join(root, 'raw'))
    const conf = writeConf(directory, { config: 'CONFIG' })
    const config =
      '{"b": 1, "2": 123456789012345678901234567890, "1": 1.0, "b": [1E400, -1e-400, 1e16, 0.1e-6], "x": {}}'
    rewrite(conf, '"CONFIG"', config)
    assertSameAsOracle(conf)
  })

  test('a tag from the command line, in all its spellings', () => {
    const directory = mkdirAnd(join(root, 'tag'))
    const conf = writeConf(directory, {})
    for (const args of [['-t', 'a:b'], ['-t=a:b'], ['--repo', 'a:b'], ['--repo_tag=a:b'], ['-t', '']])
      assertSameAsOracle(conf, args)
  })

  test('a base and a configuration that both have no environment: no key appears', () => {
    const directory = mkdirAnd(join(root, 'env'))
    // Every combination is in env.test.
    const pairs = [
      [null, {}],
      [{ Env: null }, { Cmd: ['a'] }],
      [{ Env: [] }, { Env: [] }],
      [{}, null],
      [{}, { Env: ['A=1', 'A=2'] }],
    ]
    for (const [config, own] of pairs) {
      const base = makeTar(join(directory, 'base.tar'), documents({ layers: [], config }))
      assertSameAsOracle(writeConf(directory, { from_image: base, config: own }))
    }
  })

  test('a customisation layer behind a symbolic link and its parent', () => {
    const directory = mkdirAnd(join(root, 'link'))
    makeCustomisation(join(directory, 'a/layer'), Buffer.alloc(10240, 1))
    makeCustomisation(join(directory, 'layer'), Buffer.alloc(10240, 2))
    mkdirAnd(join(directory, 'a/b'))
    symlinkSync('a/b', join(directory, 'via'))
    for (const way of ['via/../layer', 'via/../layer//', './via/.././layer/.'])
      assertSameAsOracle(writeConf(directory, { customisation_layer: `${directory}/${way}` }))
  })

  test('a store path whose escaped bytes make up a character', () => {
    const directory = mkdirAnd(join(root, 'escapes'))
    mkdirSync(join(directory, 'store', 'é'), { recursive: true })
    writeFileSync(join(directory, 'store', 'é', '日'), 'x')
    symlinkSync('é', join(directory, 'store', 'é', 'link'))
    for (const name of ['\udcc3\udca9', 'é'])
      assertSameAsOracle(writeConf(directory, { store_layers: [[`${directory}/store/${name}`]] }))
  })

  test('naive times where the C library knows rules that Node does not: an error', () => {
    const directory = mkdirAnd(join(root, 'rules'))
    for (const [mtime, TZ] of [
      ['2024-07-01T12:00:00', 'EST5EDT,M3.2.0,M11.1.0'],
      ['2024-07-01T12:00:00', '<+03>-3'],
      ['2024-07-01T12:00:00', 'right/UTC'],
      ['1930-06-01T00:00:00', 'Europe/Amsterdam'],
    ] as const) {
      const { status, stderr } = runCli(writeConf(directory, { mtime }), [], { env: { TZ } })
      assert.equal(status, 1, TZ)
      assert.match(stderr, /key "mtime": expected an offset from UTC, .*\[CONF_INVALID\]/)
    }
  })

  test('naive times in any time zone', () => {
    const directory = mkdirAnd(join(root, 'zones'))
    const conf = writeConf(directory, { created: '2024-03-31T02:30:00', mtime: '2024-10-27 02:30:00' })
    for (const TZ of [
      'UTC',
      'Europe/Berlin',
      'America/New_York',
      'Australia/Lord_Howe',
      '',
      ':Asia/Tokyo',
      'Etc/GMT-3',
    ])
      assertSameAsOracle(conf, [], { TZ })
  })
})

describe('the same bytes always', () => {
  const directory = mkdirAnd(join(root, 'always'))
  const store = makeStore(directory)
  const layers = HARD_CASES.slice(0, 8).flatMap(
    (hardCase, i) => hardCase.make(makeStore(join(store, `case-${i}`))).store_layers ?? [],
  )
  const conf = writeConf(directory, { store_layers: layers })
  const expected = sha256File(runCli(conf).output)

  for (const jobs of ['1', '2', '3', '8']) {
    test(`with ${jobs} jobs`, () => assert.equal(sha256File(runCli(conf, ['-j', jobs]).output), expected))
  }
  test('with another locale, umask and working directory', () => {
    const env = { ...process.env, LC_ALL: 'C', LANG: 'C' }
    assert.equal(sha256File(runCli(conf, [], { env, cwd: '/' }).output), expected)
    const run = spawnSync('sh', [
      '-c',
      `umask 077; exec "$0" "$1" "$2" > "$2.umask" 2> /dev/null`,
      process.execPath,
      CLI,
      conf,
    ])
    assert.equal(run.status, 0)
    assert.equal(sha256File(`${conf}.umask`), expected)
  })
})

test('"now" is one instant for created and mtime', () => {
  const directory = mkdirAnd(join(root, 'now'))
  const conf = writeConf(directory, { created: 'now', mtime: 'now' })
  const before = Math.floor(Date.now() / 1000)
  const run = runCli(conf)
  assert.equal(run.status, 0, run.stderr)
  const list = spawnSync('tar', ['--full-time', '-tvf', run.output], {
    encoding: 'utf8',
    env: { ...process.env, TZ: 'UTC' },
  }).stdout
  const times = new Set(
    [...list.matchAll(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d/g)].map(
      ([text]) => Date.parse(`${text.replace(' ', 'T')}Z`) / 1000,
    ),
  )
  assert.equal(times.size, 1)
  const [mtime] = times
  assert.ok(mtime! >= before && mtime! <= before + 30)
  const { stdout } = spawnSync('tar', ['-xOf', run.output, '--wildcards', '*.json'], { encoding: 'utf8' })
  const created = /"created": "(.*?)"/.exec(stdout)?.[1]
  assert.match(created ?? '', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?\+00:00$/)
  assert.equal(Math.floor(Date.parse(created!) / 1000), mtime)
})

function mkdirAnd(path: string): string {
  mkdirSync(path, { recursive: true })
  return path
}

function rewrite(path: string, from: string, to: string): void {
  const text = spawnSync('cat', [path], { encoding: 'utf8' }).stdout
  writeFileSync(path, text.replace(from, to))
}
