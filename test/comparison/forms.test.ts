/** An image is equal to itself in every other form; of two versions only what differs is read. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { diffOpened } from '../../src/diff-images.js'
import { inRun, type Run } from '../../src/in-run.js'
import { buildImage, copyImage, diffImages, type ImageDiff } from '../../src/index.js'
import { openAny } from '../../src/sources/any.js'
import { MAKE_TAR } from '../support/base.js'
import { skipWithout } from '../support/clients.js'
import { CLI } from '../support/image.js'
import { skipWithoutPython } from '../support/python.js'
import { PythonServer } from '../support/python-server.js'
import { makeImage, randomImage } from '../support/random-image.js'
import { startRegistry } from '../support/registry.js'
import { directoriesIn, scratchDirectory } from '../support/scratch.js'
import { leavesOf } from './leaves.js'
import { other, rename } from './plants.js'
import { APP, EXTRA, filesOf, LIB, smallImage, writeArchive } from './small-image.js'

const root = scratchDirectory()
const directory = directoriesIn(root)
const RUNS = 10

/** Python's JSON has NaN and Infinity, which no other program reads. */
function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

async function diff(from: string, to: string, run: Run): Promise<ImageDiff> {
  const [a, b] = await Promise.all([openAny(from, run), openAny(to, run)])
  return diffOpened({ name: from, ...a }, { name: to, ...b }, run)
}

test(`${RUNS} random images are equal to themselves as a configuration, an archive, a layout and in a registry`, {
  skip: skipWithoutPython || skipWithout('docker-registry'),
}, async () => {
  const python = new PythonServer()
  const { host } = await startRegistry(directory())
  let count = 0
  const check = async (
    image: typeof randomImage extends fc.Arbitrary<infer T> ? T : never,
  ): Promise<void> => {
    const at = directory()
    const { conf, base } = makeImage(at, { ...image, conf: { ...image.conf, repo_tag: 'demo:latest' } })
    if (base !== null)
      await python.run({ script: MAKE_TAR, arguments: [], input: base, output: join(at, 'made') })
    const archive = join(at, 'image.tar')
    const forms = [`oci:${join(at, 'gzip')}`, `oci-archive:${join(at, 'a')}`, `docker://${host}/r:${count++}`]
    await buildImage({ conf, destinations: [archive, ...forms], compression: { kind: 'gzip' } })
    await copyImage({ image: archive, destinations: [`oci:${join(at, 'none')}`] })
    await inRun({ threads: 1 }, async (run) => {
      const others = isJson(image.config) ? [...forms, `oci:${join(at, 'none')}`] : []
      for (const form of [archive, ...others])
        for (const [from, to] of [
          [conf, form],
          [form, archive],
        ] as const) {
          const found = await diff(from, to, run)
          assert.deepEqual([found.equal, leavesOf(found)], [true, []])
        }
    })
    rmSync(at, { recursive: true, force: true })
  }
  await fc.assert(fc.asyncProperty(randomImage, check), { numRuns: RUNS, seed: 7, endOnFailure: true })
})

test('equal layers are not read, wherever they are', async () => {
  const before = writeArchive(join(root, 'before.tar'), smallImage())
  const image = smallImage()
  image.layers[3]!.members[0]!.mtime = 9
  const after = writeArchive(join(root, 'after.tar'), image)
  // What is in an equal layer is another content by now: who reads it fails.
  const bytes = readFileSync(after)
  bytes.write('ROOT', bytes.indexOf('root:x:0:0'))
  writeFileSync(after, bytes)
  assert.deepEqual(leavesOf(await diffImages({ from: before, to: after })), ['mtime run.sh'])
  bytes.write('RUN', bytes.lastIndexOf('run', bytes.indexOf('"created"')))
  writeFileSync(after, bytes)
  await assert.rejects(diffImages({ from: before, to: after }), { code: 'IMAGE_INVALID' })
})

test('what a registry and an engine take: blobs that are new, layers from the first that differs on', async () => {
  const before = writeArchive(join(root, 'small.tar'), smallImage())
  const image = smallImage()
  image.layers[1]!.members[4]!.mode = 0o500
  const after = writeArchive(join(root, 'mode.tar'), image)
  const sizes = filesOf(image).layers.map(({ length }) => length)
  const { costs, layers } = await diffImages({ from: before, to: after })
  assert.deepEqual(
    layers.map(({ from, to, change }) => [change, from!.number, to!.number]),
    [['changed', 2, 2]],
  )
  assert.deepEqual(costs, {
    registry: { layers: 1, bytes: sizes[1] },
    engine: { layers: 3, bytes: sizes.slice(1).reduce((a, b) => a + b) },
  })
  const layout = join(root, 'mode')
  await copyImage({ image: after, destinations: [`oci:${layout}`], compression: { kind: 'gzip' } })
  const packed = await diffImages({ from: before, to: `oci:${layout}` })
  assert.equal(packed.costs.registry.layers, 1)
  assert.ok(packed.costs.registry.bytes < sizes[1]!)
})

test('contents of files differ from the same byte on in archives and in packed layouts', async () => {
  const before = writeArchive(join(root, 'from.tar'), smallImage())
  const image = smallImage()
  for (const [layer, index] of [
    [1, 4],
    [1, 7],
    [2, 3],
  ] as const) {
    const { data } = image.layers[layer]!.members[index]!
    data[data.length - 2]! ^= 1
  }
  const after = writeArchive(join(root, 'to.tar'), image)
  const layout = join(root, 'layout')
  await copyImage({ image: after, destinations: [`oci:${layout}`], compression: { kind: 'zstd' } })
  for (const to of [after, `oci:${layout}`]) {
    const { layers } = await diffImages({ from: before, to })
    const found = layers.flatMap(({ paths }) => paths.flatMap(({ differing }) => differing))
    const sizes = [image.layers[1]!.members[4]!, image.layers[1]!.members[7]!, image.layers[2]!.members[3]!]
    assert.deepEqual(
      found.map(({ name, fields }) => [name, fields.map(({ field, offset }) => [field, offset])]),
      sizes.map(({ name, size }) => [name, [['contents', size - 2]]]),
    )
  }
})

test('the first byte that differs is found where names of store paths were replaced, too', async () => {
  const before = writeArchive(join(root, 'names.tar'), smallImage())
  const image = smallImage()
  rename(image, EXTRA, other(EXTRA))
  const passwd = image.layers[0]!.members[1]!
  passwd.data = Buffer.concat([passwd.data, Buffer.from('me:x:1:1')])
  passwd.size = passwd.data.length
  const { layers } = await diffImages({ from: before, to: writeArchive(join(root, 'named.tar'), image) })
  assert.deepEqual(layers[0]!.paths[0]!.differing[0]!.fields, [
    { field: 'contents', from: 11, to: 19, offset: 11 },
  ])
})

test('the command says it in lines or JSON, and by its status as diff does', () => {
  const before = writeArchive(join(root, 'one.tar'), smallImage())
  const image = smallImage()
  const renamed = EXTRA.replace('-extra-5', '-extra-6')
  image.layers[2]!.members[4]!.name = renamed.replace('dddd', 'ffff')
  image.layers[1]!.members[4]!.mode = 0o500
  const after = writeArchive(join(root, 'two.tar'), image)
  const run = (...args: string[]) =>
    spawnSync(process.execPath, [CLI, 'diff', ...args], {
      encoding: 'utf8',
      env: { ...process.env, TMPDIR: root },
    })
  const same = run(before, before)
  assert.deepEqual([same.status, same.stdout, same.stderr], [0, '', ''])
  const { status, stdout, stderr } = run(before, after)
  assert.deepEqual([status, stderr], [1, ''])
  assert.match(stdout, /^--- \S+one\.tar sha256:\w{64}\n\+\+\+ \S+two\.tar sha256:\w{64}\n/)
  assert.ok(stdout.includes('\nlayer 3: changed\n  -extra-5 +extra-6: nothing but its own name\n'), stdout)
  assert.ok(stdout.includes(`\n    ${APP}:\n      ${APP}/bin/run: mode "0555" -> "0500"\n`), stdout)
  assert.ok(!stdout.includes(LIB))
  const json = run('--json', before, after)
  assert.equal(json.status, 1)
  assert.equal((JSON.parse(json.stdout) as ImageDiff).layers.length, 2)
  for (const args of [
    [before],
    [before, join(root, 'nothing.tar')],
    [before, after, after],
    ['--no', before, after],
  ]) {
    const wrong = run(...args)
    assert.deepEqual([wrong.status, wrong.stdout], [2, ''])
    assert.match(wrong.stderr, /error: /)
  }
})
