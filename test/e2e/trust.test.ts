/** What is shipped is what was asked for, on every way out; what was remembered is true, or is not used. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { describe, test } from 'node:test'
import { type BuildOptions, buildImage, copyImage, ImageError, readConf } from '../../src/index.js'
import { readImage } from '../support/archive.js'
import { documents, makeTar, noise, type TarMember } from '../support/base.js'
import { command, skipWithout } from '../support/clients.js'
import { CLI, type ConfDocument, makeCustomisation, runCli, sha256File, writeConf } from '../support/image.js'
import { skipWithoutPython } from '../support/python.js'
import { type AsyncRun, resultOf, runAsync } from '../support/run-async.js'
import { directoriesIn, scratchDirectory } from '../support/scratch.js'

const root = scratchDirectory()
const store = join(root, 'store')
mkdirSync(store)
const paths = ['a', 'b', 'c'].map((name) => join(store, name))
for (const [i, path] of paths.entries()) writeFileSync(path, Buffer.alloc(200_000 * i + 5, `${i}-`))
const directory = directoriesIn(root)

function conf(overrides: Partial<ConfDocument> = {}): string {
  const layers = paths.map((path) => [path])
  return writeConf(directory(), { store_dir: store, store_layers: layers, ...overrides })
}

describe('a base whose layer is not what its diff ID says', { skip: skipWithoutPython }, () => {
  const layers = [
    { name: 'one/layer.tar', data: noise(50_000, 1) },
    { name: 'two/layer.tar', data: noise(90_000, 2) },
  ]
  const flipped = layers.map(({ name, data }, i) => ({
    name,
    data:
      i === 0
        ? data
        : `${data.slice(0, 777)}${String.fromCharCode(data.charCodeAt(777) ^ 1)}${data.slice(778)}`,
  }))
  const plain = makeTar(join(root, 'base.tar'), [...flipped, ...documents({ layers })])
  const compressed = (kind: string, ...args: string[]): string => {
    const path = `${plain}.${kind}`
    writeFileSync(path, spawnSync(kind, [...args, '-c', plain], { maxBuffer: 1 << 28 }).stdout)
    return path
  }
  const bases = { plain, gzip: compressed('gzip'), zstd: compressed('zstd', '-q'), xz: compressed('xz') }
  for (const [kind, base] of Object.entries(bases))
    for (const verify of [[], ['--verify']])
      test(`${kind}${verify.join('')}: no way out ships it`, async () => {
        const file = conf({ from_image: base })
        const out = directory()
        const streamed = runCli(file, verify)
        assert.equal(streamed.status, 1)
        assert.match(streamed.stderr, /base layer two\/layer.tar: expected the diff ID .*\[BASE_INVALID\]/)
        await assert.rejects(readImage(streamed.output), 'it lacks its end')
        for (const name of [join(out, 'f'), `oci:${join(out, 'o')}:v`, `oci-archive:${join(out, 'a')}:v`]) {
          const { status, stderr } = await runAsync([file, '-o', name, ...verify])
          assert.equal(status, 1, name)
          assert.match(stderr, /\[BASE_INVALID\]/)
        }
        for (const name of ['f', 'o/index.json', 'a']) assert.ok(!existsSync(join(out, name)), name)
      })

  test('the build ends also when nobody takes what comes before it', async () => {
    const output = new Writable({ highWaterMark: 1, write: () => {} })
    await assert.rejects(buildImage({ conf: conf({ from_image: plain }), output }), { code: 'BASE_INVALID' })
  })
})

describe('a base whose names clash with those of the image', { skip: skipWithoutPython }, () => {
  const data = noise(5000, 3)
  const own = runCli(conf()).output
  const names = spawnSync('tar', ['tf', own], { encoding: 'utf8' }).stdout.split('\n')
  const store0 = names[0]!
  const customisation = names.at(-4)!
  assert.match(customisation, /layer\.tar$/)
  const bases: Record<string, { members: TarMember[]; layer: string }> = {
    'a layer called as one from the store': { members: [{ name: store0, data }], layer: store0 },
    'a layer called as the customisation': {
      members: [{ name: `./${customisation}`, data }],
      layer: `./${customisation}`,
    },
    'a link to a member that is no layer': {
      members: [
        { name: 'y/layer.tar', data },
        { name: 'x/layer.tar', type: '2', linkname: '../y/layer.tar' },
      ],
      layer: 'x/layer.tar',
    },
    'a link to where a layer from the store comes to lie': {
      members: [
        { name: store0, data },
        { name: 'x/layer.tar', type: '2', linkname: `../${store0}` },
      ],
      layer: 'x/layer.tar',
    },
  }
  for (const [what, { members, layer }] of Object.entries(bases))
    test(`${what}: no archive, but an image layout`, async () => {
      const base = makeTar(join(directory(), 'base.tar'), [
        ...members,
        ...documents({ layers: [{ name: layer, data }] }),
      ])
      const file = conf({ from_image: base })
      const out = directory()
      const streamed = runCli(file)
      assert.equal(streamed.status, 1)
      assert.match(streamed.stderr, /base image: expected .*\[BASE_INVALID\]/)
      await assert.rejects(readImage(streamed.output), 'it lacks its end')
      assert.equal((await runAsync([file, '-o', join(out, 'f')])).status, 1)
      assert.ok(!existsSync(join(out, 'f')))
      const layout = await runAsync([file, '-o', `oci:${join(out, 'o')}:v`])
      assert.equal(layout.status, 0, layout.stderr)
    })
})

describe('several ways out in one run', () => {
  test('the library serves both an output and destinations', async () => {
    const out = directory()
    const pieces: Buffer[] = []
    const output = new Writable({
      write(chunk: Buffer, _encoding, done) {
        pieces.push(chunk)
        done()
      },
    })
    const result = await buildImage({
      conf: conf(),
      output,
      destinations: [join(out, 'f'), `oci:${join(out, 'o')}`],
    })
    assert.deepEqual(readFileSync(join(out, 'f')), Buffer.concat(pieces))
    assert.deepEqual(
      result.destinations?.map(({ name }) => name),
      [join(out, 'f'), `oci:${join(out, 'o')}`],
    )
    assert.ok(existsSync(join(out, 'o/index.json')))
  })

  test('a pipe beside a file is served from the same build, and - is standard output', async () => {
    const out = directory()
    const args = [conf(), '-o', '/dev/null', '-o', join(out, 'f'), '--progress', 'json']
    const run = await runAsync(args)
    assert.equal(resultOf(run).destinations?.length, 2)
    assert.equal(run.stderr.match(/"type":"no-base"/g)?.length, 1)
    const both = runCli(conf(), ['-o', '-', '-o', join(out, 'g')])
    assert.equal(sha256File(both.output), sha256File(join(out, 'g')))
    assert.ok(!existsSync('-'))
  })

  test('none appears when one of them fails', async () => {
    const out = directory()
    const run = await runAsync([
      conf(),
      '-o',
      join(out, 'f'),
      '-o',
      `oci:${join(out, 'o')}`,
      '-o',
      '/dev/full',
    ])
    assert.equal(run.status, 1)
    assert.match(run.stderr, /\[OUTPUT_FAILED\]/)
    assert.ok(!existsSync(join(out, 'f')) && !existsSync(join(out, 'o/index.json')))
  })
})

describe('options', () => {
  const wrong: Record<string, [Partial<BuildOptions>, RegExp]> = {
    'no threads': [{ threads: 0 }, /^threads: expected a whole number/],
    'fewer than none': [{ threads: -3 }, /^threads: /],
    'no number': [{ threads: 1.5 }, /^threads: /],
    'a level that gzip lacks': [
      { compression: { kind: 'gzip', level: 99 } },
      /^compression.level: .*found 99/,
    ],
    'an unknown compression': [{ compression: { kind: 'lz4' as 'gzip' } }, /^compression.kind: .*"lz4"/],
    'an unparsed configuration': [{ conf: {} as BuildOptions['conf'] }, /^conf: expected the path/],
    'no destination': [{ destinations: [] }, /^destinations: /],
    'an output that takes nothing': [{ output: {} as Writable }, /^output: /],
    'an empty cache': [{ cache: '' }, /^cache: /],
    'a signal that is none': [{ signal: {} as AbortSignal }, /^signal: /],
  }
  for (const [name, [options, message]] of Object.entries(wrong))
    test(name, async () => {
      const build = buildImage({ conf: conf(), destinations: ['/dev/null'], ...options })
      await assert.rejects(build, (error) => {
        assert.ok(error instanceof ImageError, String(error))
        assert.equal(error.code, 'OPTION_INVALID')
        assert.match(error.message, message)
        return true
      })
    })

  test('tags that no client takes: a warning in place of the script, refused elsewhere', async () => {
    const file = conf()
    for (const tag of ['bad tag!', 'UPPER:latest']) {
      const { status, stderr } = runCli(file, ['-t', tag])
      assert.equal(status, 0)
      assert.match(stderr, /warning: the tag ".*" is no NAME:TAG/)
      const outputs = [join(directory(), 'f'), `oci:${directory()}`, `oci-archive:${join(directory(), 'f')}`]
      for (const output of outputs) {
        const run = await runAsync([file, '-t', tag, '-o', output])
        assert.equal(run.status, 2, run.stderr)
        assert.match(run.stderr, /\[OPTION_INVALID\]/)
      }
    }
    for (const name of ['oci:dir:bad tag', 'docker://localhost:1/UPPER:v', 'docker://localhost:1/a:b:c'])
      assert.equal((await runAsync([file, '-o', name])).status, 2, name)
  })

  test('a path outside the store beside a base is one clear error', async () => {
    const file = conf({ from_image: '/nowhere.tar', store_layers: [['/elsewhere']] })
    const { status, stderr } = runCli(file)
    assert.equal(status, 1)
    assert.match(stderr, /^stream-layered-image: error: expected paths in .*\[STORE_PATH_INVALID\]\n$/)
  })
})

describe('a configuration through a pipe', () => {
  test('is read', () => {
    const file = conf()
    const run = spawnSync('bash', ['-c', '"$0" "$1" <(cat "$2") | sha256sum', process.execPath, CLI, file], {
      encoding: 'utf8',
    })
    assert.equal(run.stdout.slice(0, 64), sha256File(runCli(file).output))
  })

  for (const [signal, status] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const)
    test(`${signal} is answered while nobody writes to it: status ${status}`, () => {
      const pipe = join(directory(), 'pipe')
      command('mkfifo', [pipe])
      // It waits for the configuration when the pipe is open: then a shell may open its other end, and hold it.
      const script = `"$0" "$1" "$2" > /dev/null 2>&1 & exec 9> "$2"; kill -${signal.slice(3)} $!; wait $!; echo $?`
      const run = spawnSync('bash', ['-c', `set -m; ${script}`, process.execPath, CLI, pipe], {
        encoding: 'utf8',
        timeout: 60_000,
      })
      assert.equal(run.stdout.trim(), String(status))
    })
})

test('--cache remembers also what goes into a file, and says what it did', async () => {
  const cache = join(directory(), 'cache')
  // It must not have changed lately.
  const file = conf({ store_dir: '/', store_layers: [[process.execPath]] })
  const first = await runAsync([file, '-o', join(directory(), 'f'), '--cache', cache])
  assert.deepEqual(resultOf(first).cache, { remembered: 0, new: 1 })
  assert.match(first.stderr, /\ncache: 0 remembered, 1 new\n/)
  const { status, stderr } = runCli(file, ['--cache', cache])
  assert.equal(status, 0)
  assert.match(stderr, /\ncache: 1 remembered, 0 new\n/)
})

describe('store paths that are not what Nix says', { skip: skipWithout('nix-store') }, () => {
  const path = (): string => {
    const tree = directory()
    writeFileSync(join(tree, 'file'), `content ${process.pid} ${tree}`)
    return command('nix-store', ['--add', tree])
  }
  const alter = (file: string, content: string): void => {
    chmodSync(file, 0o644)
    writeFileSync(file, content)
    chmodSync(file, 0o444)
  }

  test('an altered path is not remembered under its NAR hash, by a cache or an annotation', async () => {
    const stored = path()
    const file = join(stored, 'file')
    const truth = readFileSync(file, 'utf8')
    const image = conf({ store_dir: '/nix/store', store_layers: [[stored]] })
    const out = directory()
    const cache = join(out, 'cache')
    const diffId = async (...args: string[]): Promise<string> =>
      resultOf(await runAsync([image, '-o', `oci:${join(out, 'layout')}:v`, ...args])).layers[0]!.diffId
    const right = (await readImage(runCli(image).output)).image.rootfs.diff_ids[0]
    alter(file, truth.replace('content', 'CONTENT'))
    for (let i = 0; i < 2; i++) assert.notEqual(await diffId('--cache', cache), right)
    alter(file, truth)
    assert.equal(await diffId('--cache', cache), right)
    assert.equal(await diffId(), right)
    assert.equal(await diffId('--verify'), right)
    assert.equal(runCli(image, ['--cache', cache]).status, 0)
  })

  test('annotations of one layout decide nothing for another', async () => {
    const stored = path()
    const image = conf({ store_dir: '/nix/store', store_layers: [[stored]] })
    const out = directory()
    const [one, two] = ['one', 'two'].map((name) => join(out, name))
    const run = (...names: string[]): Promise<AsyncRun> =>
      runAsync([image, ...names.flatMap((name) => ['-o', `oci:${name}:v`])])
    const first = resultOf(await run(one!))
    const lie = `sha256:${'0'.repeat(64)}`
    lieAbout(one!, first.manifestDigest!, first.layers[0]!.diffId, lie)
    const both = await run(one!, two!)
    assert.equal(resultOf(both).imageId, first.imageId)
    assert.ok(!both.stderr.includes(lie))
  })

  test('a wrong annotation of the image that is replaced is named, and the build goes on', async () => {
    const stored = path()
    const image = conf({ store_dir: '/nix/store', store_layers: [[stored]] })
    const layout = join(directory(), 'layout')
    const first = resultOf(await runAsync([image, '-o', `oci:${layout}:v`, '--compress', 'gzip']))
    const lie = `sha256:${'0'.repeat(64)}`
    lieAbout(layout, first.manifestDigest!, first.layers[0]!.diffId, lie)
    const again = await runAsync([image, '-o', `oci:${layout}:v`, '--compress', 'gzip', '--verify'])
    assert.equal(resultOf(again).imageId, first.imageId)
    assert.match(
      again.stderr,
      /warning: layer of .*: the annotation of the image that was there says .*, found /,
    )
  })

  /** Puts another diff ID into a manifest's annotations, and the manifest in place of the one that the tag has. */
  function lieAbout(layout: string, manifest: string, diffId: string, lie: string): void {
    const blob = (digest: string): string => join(layout, 'blobs', digest.replace(':', '/'))
    const text = readFileSync(blob(manifest), 'utf8')
    const changed = text.replace(
      `"stream-layered-image.diff-id":"${diffId}"`,
      `"stream-layered-image.diff-id":"${lie}"`,
    )
    assert.notEqual(changed, text)
    const digest = `sha256:${createHash('sha256').update(changed).digest('hex')}`
    writeFileSync(blob(digest), changed)
    const index = readFileSync(join(layout, 'index.json'), 'utf8')
    writeFileSync(join(layout, 'index.json'), index.replace(manifest, digest))
  }
})

test('an image is copied as it is, from anywhere to anywhere', async () => {
  const out = directory()
  const file = conf()
  const archive = join(out, 'a.tar')
  const built = resultOf(await runAsync([file, '-o', archive, '-o', `oci:${join(out, 'o')}:v`]))
  const steps = [
    [archive, join(out, 'b.tar')],
    [`oci:${join(out, 'o')}:v`, `oci-archive:${join(out, 'c.tar')}:w`],
    [`oci-archive:${join(out, 'c.tar')}:w`, `oci:${join(out, 'p')}:x`],
    [`oci:${join(out, 'p')}:x`, join(out, 'd.tar')],
  ] as const
  for (const [from, to] of steps) {
    const { imageId } = await copyImage({ image: from, destinations: [to] })
    assert.equal(imageId, built.imageId, `${from} ${to}`)
  }
  assert.equal(sha256File(join(out, 'b.tar')), sha256File(archive))
  const gzipped = await copyImage({
    image: archive,
    destinations: [`oci:${join(out, 'q')}:x`],
    compression: { kind: 'gzip' },
  })
  assert.equal(gzipped.imageId, built.imageId)
  // Layers that are blobs already are not made again.
  const again = await copyImage({
    image: `oci:${join(out, 'q')}:x`,
    destinations: [`oci:${join(out, 'r')}:x`],
  })
  assert.equal(again.manifestDigest, gzipped.manifestDigest)
  // A base may be what a configuration names in the same way.
  const customisation = makeCustomisation(join(out, 'customisation'))
  const based = conf({ from_image: `oci:${join(out, 'q')}:x`, customisation_layer: customisation })
  const direct = conf({ from_image: join(out, 'd.tar'), customisation_layer: customisation })
  assert.equal(
    (await readImage(runCli(based).output)).imageId,
    (await readImage(runCli(direct).output)).imageId,
  )
  assert.equal(readConf(based).fromImage, `oci:${join(out, 'q')}:x`)
})
