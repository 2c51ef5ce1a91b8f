import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { ImageError } from '../../src/errors.js'
import { buildImage, copyImage, type ImageFacts, inspectImage } from '../../src/index.js'
import { digestOf } from '../../src/model/digest.js'
import { imageTable } from '../../src/report/image-table.js'
import { skipWithout } from '../support/clients.js'
import { CLI, writeConf } from '../support/image.js'
import { measure } from '../support/measure.js'
import { mutate, repairChecksums } from '../support/mutate.js'
import { block } from '../support/raw-tar.js'
import { startRegistry } from '../support/registry.js'
import { directoriesIn, scratchDirectory } from '../support/scratch.js'
import { layerTar, nixImage, writeTarImage } from '../support/tar-image.js'

const root = scratchDirectory()
const directory = directoriesIn(root)
const archive = join(root, 'app.tar')
const image = nixImage(['app:1.0'])
const { imageId, diffIds } = writeTarImage(archive, image)
const GLIBC = `/nix/store/${'g'.repeat(32)}-glibc-2.40`

/** What is in each layer, without what differs between places. */
function contents({ layers }: ImageFacts): unknown[] {
  return layers.map(({ diffId, size, storePaths, others }) => ({ diffId, size, storePaths, others }))
}

/** Names, digests, config, history: all but sizes and places. */
function description({ imageId, platform, config, history, created }: ImageFacts): unknown {
  return { imageId, platform, config, history, created }
}

describe('an image', () => {
  test('of a docker-archive: its config, its layers, and what is in each by store path', async () => {
    const facts = await inspectImage({ image: archive })
    assert.deepEqual(
      [facts.names, facts.imageId, facts.storeDir, facts.manifest],
      [['app:1.0'], imageId, '/nix/store', undefined],
    )
    assert.deepEqual(facts.platform, { architecture: 'amd64', os: 'linux' })
    assert.deepEqual(facts.config, image.config)
    assert.deepEqual(
      facts.layers.map(({ diffId }) => diffId),
      diffIds,
    )
    assert.deepEqual(
      facts.layers.map(({ size }) => size),
      image.layers.map((layer) => layerTar(layer).length),
    )
    const [first, second, , last] = facts.layers
    assert.deepEqual(first!.storePaths, [{ path: GLIBC, members: 3, bytes: 200_000 }])
    assert.deepEqual(first!.others, [{ path: '/', members: 2, bytes: 0 }])
    assert.deepEqual(
      second!.storePaths.map(({ bytes }) => bytes),
      [9000, 70_000],
    )
    assert.deepEqual(last!.storePaths, [])
    assert.deepEqual(last!.others, [
      { path: '/bin', members: 2, bytes: 0 },
      { path: '/etc', members: 2, bytes: 30 },
    ])
    const { layers, storePaths, members, bytes } = facts.totals
    assert.deepEqual(
      { layers, storePaths, members, bytes },
      { layers: 4, storePaths: 4, members: 22, bytes: 291_030 },
    )
  })

  test('in layouts and archives, plain and packed, has the same facts, with its blobs', async () => {
    const expected = await inspectImage({ image: archive })
    const layout = join(directory(), 'layout')
    for (const kind of ['none', 'gzip', 'zstd'] as const) {
      const name = `oci:${layout}-${kind}:1.0`
      await copyImage({ image: archive, destinations: [name], compression: { kind } })
      const facts = await inspectImage({ image: name })
      assert.deepEqual(contents(facts), contents(expected))
      assert.deepEqual(description(facts), description(expected))
      const index = JSON.parse(readFileSync(`${layout}-${kind}/index.json`, 'utf8')) as {
        manifests: object[]
      }
      const { annotations: _, ...entry } = index.manifests[0] as Record<string, unknown>
      assert.deepEqual(facts.manifest, entry)
      const blob = readFileSync(`${layout}-${kind}/blobs/${facts.layers[0]!.blob!.digest.replace(':', '/')}`)
      assert.deepEqual(
        [facts.layers[0]!.blob!.size, facts.layers[0]!.blob!.digest],
        [blob.length, digestOf(blob)],
      )
    }
  })

  test('shares layers with others: which, how much', async () => {
    const other = join(root, 'next.tar')
    writeTarImage(other, nixImage(['app:1.1'], '1.1'))
    const { shared, layers } = await inspectImage({ image: archive, others: [other, archive] })
    const size = layers.slice(0, 2).reduce((sum, layer) => sum + layer.size!, 0)
    assert.deepEqual(
      shared!.map(({ image, of, layers, numbers, size }) => ({ image, of, layers, numbers, size })),
      [
        { image: other, of: 4, layers: 2, numbers: [1, 2], size },
        {
          image: archive,
          of: 4,
          layers: 4,
          numbers: [1, 2, 3, 4],
          size: layers.reduce((sum, layer) => sum + layer.size!, 0),
        },
      ],
    )
  })

  test('in a registry is not downloaded: its history names the store paths; deep reads it', {
    skip: skipWithout('docker-registry'),
  }, async () => {
    const { host } = await startRegistry(directory())
    const name = `docker://${host}/app:1.0`
    await copyImage({ image: archive, destinations: [name] })
    const facts = await inspectImage({ image: name })
    assert.deepEqual(facts.names, [`${host}/app:1.0`])
    assert.deepEqual(facts.layers[0]!.storePaths, [{ path: GLIBC }])
    assert.deepEqual(facts.layers[3]!.storePaths, [])
    assert.ok(facts.layers.every(({ size, blob }) => size === undefined && blob!.size > 0))
    assert.deepEqual(
      [facts.totals.storePaths, facts.totals.bytes, facts.totals.size],
      [4, undefined, undefined],
    )
    const deep = await inspectImage({ image: name, deep: true })
    assert.deepEqual(contents(deep), contents(await inspectImage({ image: archive })))
    assert.deepEqual(deep.manifest, facts.manifest)
  })
})

describe('a configuration', () => {
  const path = directory()
  const store = join(path, 'store')
  mkdirSync(join(store, 'a-app/bin'), { recursive: true })
  writeFileSync(join(store, 'a-app/bin/app'), 'x'.repeat(5000))
  writeFileSync(join(store, 'b-data'), 'y'.repeat(300))
  const conf = writeConf(path, {
    store_dir: store,
    store_layers: [[join(store, 'a-app')], [join(store, 'b-data')]],
    from_image: archive,
  })

  test('has the facts that its image has', async () => {
    const built = join(path, 'built.tar')
    await buildImage({ conf, destinations: [built] })
    const expected = await inspectImage({ image: built })
    for (const image of [conf, path]) {
      const facts = await inspectImage({ image })
      assert.deepEqual(description(facts), description(expected))
      assert.deepEqual(facts.names, ['test:latest'])
      assert.deepEqual(
        facts.layers.map(({ diffId, size }) => [diffId, size]),
        expected.layers.map(({ diffId, size }) => [diffId, size]),
      )
      const own = facts.layers.slice(4)
      assert.deepEqual(
        own.map(({ source, storePaths }) => [source.kind, storePaths]),
        [
          ['store', [{ path: join(store, 'a-app'), members: 3, bytes: 5000 }]],
          ['store', [{ path: join(store, 'b-data'), members: 1, bytes: 300 }]],
          ['customisation', []],
        ],
      )
    }
  })

  test('whose digests are remembered is not read, and has its blobs', async () => {
    const cache = join(path, 'cache')
    const destination = `oci:${join(path, 'layout')}`
    // Of files that have just changed nothing is remembered.
    await new Promise((resolve) => setTimeout(resolve, 2100))
    await buildImage({
      conf,
      destinations: [destination, join(path, 'out.tar')],
      cache,
      compression: { kind: 'gzip' },
    })
    const facts = await inspectImage({ image: conf, cache })
    const stored = await inspectImage({ image: destination })
    assert.deepEqual(
      facts.layers.slice(4, 6).map(({ blob }) => blob),
      stored.layers.slice(4, 6).map(({ blob }) => blob),
    )
    assert.equal(facts.imageId, stored.imageId)
  })
})

describe('hostile images', () => {
  const refused = (image: string, pattern: RegExp): Promise<void> =>
    assert.rejects(inspectImage({ image }), (error: unknown) => {
      assert.ok(error instanceof ImageError)
      assert.match(error.message, pattern)
      assert.doesNotMatch(error.message, /\n/)
      return true
    })

  test('a layer that is not what the image says', async () => {
    const bytes = readFileSync(archive)
    const damaged = join(directory(), 'damaged.tar')
    bytes[bytes.indexOf('xxxxxxxx')] = 0x79
    writeFileSync(damaged, bytes)
    await refused(damaged, /^layer [0-9a-f]{64}\/layer\.tar: expected the diff ID sha256:.*, found sha256:/)
  })

  test('a layer that is no archive is told of, and the rest is shown', async () => {
    const path = join(directory(), 'odd.tar')
    const members = [{ name: 'a', data: 'text' }]
    const odd = { members: [{ name: 'b', type: 'S' as const }] }
    writeTarImage(path, { layers: [{ members }, odd] })
    const facts = await inspectImage({ image: path })
    assert.equal(facts.layers[0]!.problem, undefined)
    assert.match(
      facts.layers[1]!.problem!,
      /^at byte 0: expected a plain file, found one stored as a GNU sparse/,
    )
    assert.equal(facts.totals.members, undefined)
    assert.ok(imageTable(facts, 80).some((line) => line.includes('read no further: at byte 0')))
  })

  test('one layer ten thousand times is read once', async () => {
    const path = join(directory(), 'many.tar')
    const { diffIds } = writeTarImage(path, {
      layers: [{ members: [{ name: 'a', data: 'x'.repeat(1 << 20) }] }],
    })
    const text = readFileSync(path, 'latin1')
    const hex = diffIds[0]!.slice('sha256:'.length)
    const config = JSON.stringify({
      architecture: 'a',
      os: 'b',
      rootfs: { diff_ids: Array(10_000).fill(diffIds[0]) },
    })
    const layer = text.slice(0, text.indexOf('{"architecture"') - 512)
    const manifest = JSON.stringify([{ Config: 'c.json', Layers: Array(10_000).fill(`${hex}/layer.tar`) }])
    const documents = [
      block({ name: 'c.json', data: config }),
      block({ name: 'manifest.json', data: manifest }),
    ]
    writeFileSync(path, Buffer.concat([Buffer.from(layer, 'latin1'), ...documents, Buffer.alloc(1024)]))
    const { layers, totals } = await inspectImage({ image: path })
    assert.deepEqual([layers.length, totals.members], [10_000, 10_000])
  })

  test('damaged layers and archives: facts, or one line', async () => {
    const path = join(directory(), 'mutated.tar')
    const [, second] = image.layers
    const damaged = Array.from({ length: 300 }, (_, seed) => {
      const bytes = mutate(layerTar(second!), seed)
      return { members: seed % 2 === 0 ? bytes : repairChecksums(bytes) }
    })
    writeTarImage(path, { layers: damaged })
    const facts = await inspectImage({ image: path })
    assert.deepEqual(
      facts.layers.map(({ size }) => size),
      damaged.map(({ members }) => members.length),
    )
    const problems = facts.layers.filter(({ problem }) => problem !== undefined).length
    assert.ok(problems > 20 && problems < 290, `${problems}`)
    for (const line of imageTable(facts, undefined)) assert.doesNotMatch(line, /[\x00-\x1f\x7f]/)

    const whole = readFileSync(archive)
    for (let seed = 0; seed < 30; seed++) {
      writeFileSync(path, repairChecksums(mutate(whole, seed)))
      await inspectImage({ image: path }).catch((error: unknown) => {
        assert.ok(error instanceof ImageError)
        assert.ok(error.code === 'IMAGE_INVALID', `${seed}: ${error.message}`)
      })
    }
  })

  test('a small blob of more directories than any image has: one line, little memory', {
    skip: skipWithout('python3'),
  }, async () => {
    const layout = join(directory(), 'layout')
    // Each member is a directory of the root; the blob has a few hundred kilobytes.
    const count = 200_500
    const layer = Buffer.alloc(count * 512 + 1024)
    for (let i = 0; i < count; i++) block({ name: `${i}`.padStart(6, '0'), type: '5' }).copy(layer, i * 512)
    const plain = join(root, 'wide.tar')
    writeTarImage(plain, { layers: [{ members: layer }] })
    await copyImage({ image: plain, destinations: [`oci:${layout}`], compression: { kind: 'gzip' } })
    const script = '"$@" > "$0" 2>&1; test $? = 1'
    const output = join(root, 'wide.txt')
    const { memory } = measure('pipe', [
      'sh',
      '-c',
      script,
      output,
      process.execPath,
      CLI,
      'inspect',
      `oci:${layout}`,
    ])
    const said = readFileSync(output, 'utf8')
    assert.match(
      said,
      /^stream-layered-image: error: layer [0-9a-f]{64}\/layer\.tar: .*expected at most 200000 directories and store paths in a layer, found more [^\n]+\n$/,
    )
    assert.ok(memory < 350e6, `${memory}`)
  })

  test('a config that is none, or nested beyond reason', async () => {
    const layout = join(directory(), 'layout')
    for (const bad of [
      '[]',
      `{"architecture":"a","os":"b","rootfs":{"diff_ids":[]},"x":${'['.repeat(9000)}`,
    ]) {
      await copyImage({ image: archive, destinations: [`oci:${layout}:bad`] })
      const config = Buffer.from(bad)
      const manifest = Buffer.from(
        JSON.stringify({
          schemaVersion: 2,
          config: {
            mediaType: 'application/vnd.oci.image.config.v1+json',
            digest: digestOf(config),
            size: config.length,
          },
          layers: [],
        }),
      )
      for (const bytes of [config, manifest])
        writeFileSync(join(layout, 'blobs', digestOf(bytes).replace(':', '/')), bytes)
      const mediaType = 'application/vnd.oci.image.manifest.v1+json'
      const entry = { mediaType, digest: digestOf(manifest), size: manifest.length }
      writeFileSync(join(layout, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests: [entry] }))
      await refused(`oci:${layout}`, /expected an image config/)
    }
  })
})

describe('the command', () => {
  const cli = (...args: string[]) =>
    spawnSync(process.execPath, [CLI, 'inspect', ...args], { encoding: 'utf8' })

  test('--json prints what the library gives, on one line', async () => {
    const { status, stdout, stderr } = cli(archive, '--json')
    assert.deepEqual([status, stderr], [0, ''])
    assert.deepEqual(JSON.parse(stdout), JSON.parse(JSON.stringify(await inspectImage({ image: archive }))))
    assert.equal(stdout.split('\n').length, 2)
  })

  test('names do nothing to a terminal, and lines fit it', async () => {
    const path = join(directory(), 'names.tar')
    const members = [{ name: 'evil\x1b[2J\u202e/file', data: 'x' }]
    writeTarImage(path, {
      layers: [{ members }],
      names: ['a\nb:1'],
      config: { Cmd: ['\x1b]0;title\x07', "it's"], Env: ['A=\r'], Labels: { long: 'x'.repeat(300) } },
    })
    const facts = await inspectImage({ image: path })
    for (const line of imageTable(facts, 60)) {
      assert.ok(Array.from(line).length <= 60, line)
      assert.doesNotMatch(line, /[\x00-\x1f\x7f\u202e]/)
    }
    const { stdout } = cli(path)
    assert.match(stdout, /evil\\x1b\[2J\\u202e/)
    assert.match(stdout, /names +a\\nb:1\n/)
  })

  test('what is no image is one line', () => {
    for (const [name, pattern] of [
      [join(root, 'nothing.tar'), /error: .*nothing\.tar.*no such file/],
      [join(root, 'nothing.json'), /error: cannot read the configuration .*nothing\.json: no such file/],
      [`oci:${join(root, 'nothing')}`, /error: .*nothing/],
      ['registry.example/app:1', /error: .*\n.*hint: here it is docker:\/\/registry\.example\/app:1/],
    ] as const) {
      const { status, stdout, stderr } = cli(name)
      assert.ok(status === 1 || status === 2, stderr)
      assert.equal(stdout, '')
      assert.match(stderr, pattern)
      assert.ok(stderr.trimEnd().split('\n').length <= 2, stderr)
    }
  })
})
