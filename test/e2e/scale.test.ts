/** Large numbers of everything: memory stays flat, and no limit of the system is met. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { command } from '../support/clients.js'
import { CLI, runCli, runOracle, sha256File, writeConf } from '../support/image.js'
import { runMeasured } from '../support/measured.js'
import { skipWithoutPython } from '../support/python.js'
import { assertSameAsOracle } from '../support/same.js'
import { scratchDirectory } from '../support/scratch.js'

const root = scratchDirectory()
const LIMIT = 350e6

test('10,000 store paths in 1,000 layers with 256 file descriptors; more than 127 layers is a warning', {
  skip: skipWithoutPython,
}, () => {
  const store = join(root, 'paths')
  mkdirSync(store)
  const layers = Array.from({ length: 1000 }, (_, i) =>
    Array.from({ length: 10 }, (_, k) => join(store, `${i}-${k}`)),
  )
  for (const path of layers.flat()) writeFileSync(path, path)
  const conf = writeConf(root, { store_layers: layers })
  const limited = spawnSync(
    'bash',
    ['-c', `ulimit -n 256; "$0" "$@" > ${conf}.limited`, process.execPath, CLI, conf],
    { encoding: 'utf8', maxBuffer: 1 << 28 },
  )
  assert.equal(limited.status, 0, limited.stderr.slice(-500))
  assert.match(limited.stderr, /warning: the image has 1001 layers; .* at most 127/)
  assert.equal(sha256File(`${conf}.limited`), sha256File(runCli(conf).output))
})

test('a directory of 100,000 entries and 200 levels of nesting', { skip: skipWithoutPython }, () => {
  const path = join(root, 'wide')
  mkdirSync(path)
  for (let i = 0; i < 100_000; i++) writeFileSync(join(path, `entry-${i}`), '')
  let deep = join(root, 'deep')
  const top = deep
  for (let level = 0; level < 200; level++) deep = join(deep, `l${level}`)
  mkdirSync(deep, { recursive: true })
  writeFileSync(join(deep, 'leaf'), 'leaf')
  const conf = writeConf(root, { store_layers: [[path], [top]] })
  const { output, memory } = runMeasured(conf)
  command('cmp', [runOracle(conf).output, output])
  assert.ok(memory > 10e6 && memory < LIMIT, `${memory} bytes`)
})

// Writes two archives of 9 GiB, so it is run by hand (CONTRIBUTING); the pax record itself is in header.test.
if (process.env.HUGE === '1') {
  test('a sparse file over 8 GiB', { skip: skipWithoutPython }, () => {
    const path = join(root, 'huge')
    assert.equal(spawnSync('truncate', ['-s', '9G', path]).status, 0)
    assertSameAsOracle(writeConf(root, { store_layers: [[path]] }))
  })
}
