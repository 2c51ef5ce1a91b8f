/** A dry run tells what the real one does afterwards, and leaves everything as it was. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { buildImage, buildIndex, copyImage, type DryRunResult, dryRun } from '../../src/index.js'
import type { BuildResult, DestinationResult } from '../../src/results.js'
import { skipWithout } from '../support/clients.js'
import { CLI, writeConf } from '../support/image.js'
import { startRegistry } from '../support/registry.js'
import { scratchDirectory } from '../support/scratch.js'
import { settled } from '../support/settled.js'

const root = scratchDirectory()
const store = join(root, 'store')
mkdirSync(store)
const paths = ['a', 'b', 'c'].map((name) => join(store, name))
for (const path of paths) writeFileSync(path, path.repeat(20_000))
const conf = writeConf(root, { store_layers: paths.map((path) => [path]) })
const COUNT = paths.length + 1
// What has just changed is not remembered.
await settled(...paths)

/** What is below a directory, with what files hold. */
function everything(directory: string): [string, string][] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .map((it): [string, string] => {
      const path = join(it.parentPath, it.name)
      return [path, it.isFile() ? readFileSync(path, 'latin1') : '']
    })
    .sort()
}

/** Layers that were sent, mounted and there already, at each destination. */
function foreseen({ destinations }: DryRunResult): number[][] {
  return destinations.map(({ sent, mounted, present }) =>
    [sent, mounted, present].map(({ layers }) => layers),
  )
}

function runFor(options: Parameters<typeof dryRun>[0]): Promise<unknown> {
  if ('image' in options) return copyImage(options)
  return 'confs' in options ? buildIndex(options) : buildImage(options)
}

function real(destinations: readonly DestinationResult[]): number[][] {
  return destinations.map(({ bytes, uploaded, mounted, skipped }) =>
    bytes !== undefined ? [COUNT, 0, 0] : [uploaded, mounted, skipped].map((it) => it!.layers),
  )
}

describe('on this machine', () => {
  const out = join(root, 'out')
  mkdirSync(out)
  const destinations = [
    join(out, 'image.tar'),
    `oci:${join(out, 'layout')}:x`,
    `oci-archive:${join(out, 'image.oci')}`,
  ]

  test('files, layouts and archives: as the real run, which comes after it', async () => {
    const cache = join(root, 'cache')
    for (const expected of [
      [COUNT, 0],
      // An archive is made anew; what the layout has, the cache tells.
      [COUNT, COUNT],
    ]) {
      const before = everything(out)
      const told = await dryRun({ conf, destinations, cache, digestFile: join(out, 'digest') })
      assert.deepEqual(everything(out), before)
      const { destinations: done } = await buildImage({ conf, destinations, cache })
      assert.deepEqual(foreseen(told), real(done!))
      assert.deepEqual(foreseen(told)[1], [COUNT - expected[1]!, 0, expected[1]])
      assert.equal(
        told.destinations[0]!.sent.bytes,
        told.layers.reduce((sum, { size }) => sum + size!, 0),
      )
    }
  })

  test('what the real run refuses at once is refused, and no cache is made', async () => {
    const file = join(out, 'refused.tar')
    const layout = `oci:${join(out, 'refused')}`
    const nowhere = join(out, 'nowhere', 'file')
    const cases: [Parameters<typeof dryRun>[0], string][] = [
      [{ conf, destinations: [file], sbom: 'spdx' }, 'OPTION_INVALID'],
      [{ image: destinations[1]!, destinations: [file], signer: 'true' }, 'OPTION_INVALID'],
      [{ confs: [conf, conf], destinations: [layout] }, 'OPTION_INVALID'],
      [{ conf, destinations: [nowhere] }, 'OUTPUT_FAILED'],
      [{ conf, destinations: [`oci-archive:${nowhere}`] }, 'OUTPUT_FAILED'],
      [{ conf, destinations: [`oci:${join(conf, 'below')}`] }, 'OUTPUT_FAILED'],
      [{ conf, destinations: [file], digestFile: nowhere }, 'OUTPUT_FAILED'],
      [
        { image: destinations[0]!, destinations: [file], digestFile: destinations[0]! },
        'DESTINATION_INVALID',
      ],
      [
        { image: destinations[1]!, destinations: [file], digestFile: join(out, 'layout', 'index.json') },
        'DESTINATION_INVALID',
      ],
    ]
    for (const [options, code] of cases) {
      await assert.rejects(dryRun(options), { code })
      await assert.rejects(runFor(options), { code })
    }
    const cache = join(root, 'no-cache')
    await dryRun({ conf, destinations: [layout, `oci:${join(out, 'a', 'b')}`], cache })
    assert.equal(existsSync(cache), false)
  })

  test('what compression makes is not known before', async () => {
    const told = await dryRun({
      conf,
      destinations: [`oci:${join(out, 'packed')}`],
      compression: { kind: 'gzip' },
    })
    assert.deepEqual(told.destinations[0]!.sent, { layers: COUNT })
    assert.equal(told.total.compressed.layers, COUNT)
    assert.equal(
      told.total.read.bytes,
      told.layers.reduce((sum, { size }) => sum + size!, 0),
    )
  })

  test('copies go as they are', async () => {
    const image = destinations[1]!
    const told = await dryRun({ image, destinations: [`oci:${join(out, 'copy')}`] })
    const { destinations: done } = await copyImage({ image, destinations: [`oci:${join(out, 'copy')}`] })
    assert.deepEqual(foreseen(told), real(done!))
    assert.equal(told.destinations[0]!.sent.bytes, done![0]!.uploaded!.bytes)
    assert.equal(told.total.compressed.layers, 0)
  })

  test('the layers that images of an index share are sent once', async () => {
    mkdirSync(join(root, 'arm'))
    const other = writeConf(join(root, 'arm'), {
      architecture: 'arm64',
      store_dir: root,
      store_layers: [[paths[0]!]],
    })
    const options = { confs: [conf, other], destinations: [`oci:${join(out, 'index')}`] }
    const told = await dryRun(options)
    assert.deepEqual(foreseen(told), real((await buildIndex(options)).destinations))
  })

  test('a layer that an image has again goes once, made, copied and remembered', async () => {
    mkdirSync(join(root, 'again'))
    const conf = writeConf(join(root, 'again'), {
      store_dir: root,
      store_layers: [paths[0]!, paths[1]!, paths[0]!].map((path) => [path]),
    })
    const layout = `oci:${join(out, 'again')}`
    const cache = join(root, 'again-cache')
    const cases: Parameters<typeof dryRun>[0][] = [
      { conf, destinations: [layout] },
      { image: layout, destinations: [`oci:${join(out, 'again-copied')}`] },
      { image: layout, destinations: [`oci:${join(out, 'again-packed')}`], compression: { kind: 'gzip' } },
      { conf, destinations: [`oci-archive:${join(out, 'again-first')}`], cache },
      { conf, destinations: [`oci-archive:${join(out, 'again-second')}`], cache },
    ]
    for (const options of cases) {
      const told = await dryRun(options)
      assert.deepEqual(foreseen(told), [[3, 0, 1]])
      const { destinations } = (await runFor(options)) as BuildResult
      assert.deepEqual(foreseen(told), real(destinations!))
    }
  })

  test('a path that is not there is found', async () => {
    mkdirSync(join(root, 'broken'))
    const broken = writeConf(join(root, 'broken'), { store_dir: root, store_layers: [[join(store, 'none')]] })
    await assert.rejects(dryRun({ conf: broken, destinations }), { code: 'FILE_UNREADABLE' })
  })

  test('the command: lines for people, JSON where it is asked for, status 0', () => {
    const run = (...args: string[]) =>
      spawnSync(process.execPath, [CLI, conf, '--dry-run', ...args], { encoding: 'utf8' })
    const { status, stdout, stderr } = run()
    assert.deepEqual([status, stdout], [0, ''])
    assert.match(
      stderr,
      /^standard output: 4 layers, 0 there already, 4 to send \(1\.4 MB\)\nin all: .*\nnothing was written\n$/,
    )
    const asked = JSON.parse(run('--json').stdout) as DryRunResult
    assert.deepEqual(
      [asked.dryRun, asked.layers.length, asked.destinations[0]!.sent.layers],
      [true, COUNT, COUNT],
    )
  })
})

test('a registry is asked for blobs, also of the repository that they would be mounted from', {
  skip: skipWithout('docker-registry', 'curl'),
}, async () => {
  const { host } = await startRegistry(join(root, 'registry'))
  const cache = join(root, 'pushed')
  const from = [`docker://${host}/from:1`]
  await buildImage({ conf, destinations: from, cache })
  const data = join(root, 'registry', 'data')
  for (const [destinations, registry] of [
    [from, {}],
    [[`docker://${host}/to:1`], { mountFrom: 'from' }],
    [[`docker://${host}/to:2`], {}],
    [[`docker://${host}/other:1`], {}],
  ] as const) {
    const before = everything(data).map(([name]) => name)
    const told = await dryRun({ conf, destinations, cache, registry })
    assert.deepEqual(
      everything(data).map(([name]) => name),
      before,
    )
    const { destinations: done } = await buildImage({ conf, destinations, cache, registry })
    assert.deepEqual(foreseen(told), real(done!))
    assert.equal(told.destinations[0]!.sent.bytes, done![0]!.uploaded!.bytes)
  }
})
