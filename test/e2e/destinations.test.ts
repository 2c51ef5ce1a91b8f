/** Files and image layouts: the same image as the stream, whole or not at all. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { readImage } from '../support/archive.js'
import { documents, makeTar, noise } from '../support/base.js'
import { Containerd, command, Podman, skipWithout } from '../support/clients.js'
import { CLI, runCli, sha256File, writeConf } from '../support/image.js'
import { buildClosure, closureConf } from '../support/nix-closure.js'
import { isOpen } from '../support/processes.js'
import { skipWithoutPython } from '../support/python.js'
import { resultOf, runAsync, startCli } from '../support/run-async.js'
import { directoriesIn, scratchDirectory } from '../support/scratch.js'

const root = scratchDirectory()
const store = join(root, 'store')
mkdirSync(store)
const paths = Array.from({ length: 5 }, (_, i) => join(store, `p${i}`))
for (const [i, path] of paths.entries()) writeFileSync(path, Buffer.alloc(500_000 * i, `${i}-`))
const conf = writeConf(root, { store_layers: paths.map((path) => [path]) })
const streamed = runCli(conf).output
const directory = directoriesIn(root)

/** A run that fails. @returns its error line */
function failure(...args: string[]): string {
  const { status, stderr, stdout } = spawnSync(process.execPath, [CLI, ...args], { encoding: 'utf8' })
  assert.equal(status, 1, stderr)
  assert.equal(stdout, '')
  return stderr.split('\n').find((line) => line.includes('error:')) ?? stderr
}

describe('docker-archive:FILE', () => {
  test('the bytes of the stream, by both names, in place of what was there', async () => {
    const out = directory()
    writeFileSync(join(out, 'a'), 'old')
    const run = await runAsync([
      conf,
      '-o',
      join(out, 'a'),
      '-o',
      `docker-archive:${join(out, 'b')}`,
      '-j',
      '3',
    ])
    const { bytes, destinations, imageId } = resultOf(run)
    assert.equal(sha256File(join(out, 'a')), sha256File(streamed))
    assert.equal(sha256File(join(out, 'b')), sha256File(streamed))
    assert.deepEqual([bytes, destinations?.length], [readFileSync(streamed).length, 2])
    assert.equal(imageId, (await readImage(streamed)).imageId)
    assert.deepEqual(readdirSync(out).sort(), ['a', 'b'])
  })

  test('a symbolic link stays one', async () => {
    const out = directory()
    symlinkSync('target', join(out, 'link'))
    writeFileSync(join(out, 'target'), 'old')
    resultOf(await runAsync([conf, '-o', join(out, 'link')]))
    assert.equal(readlinkSync(join(out, 'link')), 'target')
    assert.equal(sha256File(join(out, 'target')), sha256File(streamed))
    assert.ok(lstatSync(join(out, 'target')).isFile())
  })

  test('what is no file is written to: a pipe by name, /dev/null', async () => {
    resultOf(await runAsync([conf, '-o', '/dev/null']))
    const pipe = join(directory(), 'pipe')
    command('mkfifo', [pipe])
    const script = '(sha256sum < "$3" > "$3.sum") & "$0" "$1" "$2" -o "$3" > /dev/null 2>&1 && wait'
    command('bash', ['-c', script, process.execPath, CLI, conf, pipe])
    assert.equal(readFileSync(`${pipe}.sum`, 'utf8').slice(0, 64), sha256File(streamed))
  })

  test('a failure leaves what was there, and nothing else', { skip: skipWithout('mount') }, () => {
    const out = directory()
    writeFileSync(join(out, 'image.tar'), 'old')
    const broken = writeConf(directory(), {
      store_dir: store,
      store_layers: [[paths[1]!], [join(store, 'none')]],
    })
    assert.match(failure(broken, '-o', join(out, 'image.tar')), /none'.*\[FILE_UNREADABLE\]/)
    assert.equal(readFileSync(join(out, 'image.tar'), 'utf8'), 'old')
    assert.deepEqual(readdirSync(out), ['image.tar'])
    command('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', out])
    try {
      assert.match(
        failure(conf, '-o', join(out, 'image.tar')),
        /no space left on device \(ENOSPC\) \[OUTPUT_FAILED\]/,
      )
      assert.deepEqual(readdirSync(out), [])
    } finally {
      command('umount', [out])
    }
    assert.match(
      failure(conf, '-o', join(out, 'none', 'image.tar')),
      /image.tar: no such file or directory .*\[OUTPUT_FAILED\]/,
    )
    assert.match(failure(conf, '-o', out), /\[OUTPUT_FAILED\]/)
    const wrong = spawnSync(process.execPath, [CLI, conf, '-o', 'dir:x'], { encoding: 'utf8' })
    assert.equal(wrong.status, 2)
    assert.match(
      wrong.stderr,
      /expected FILE, docker-archive:FILE, .*, found the transport "dir" \[DESTINATION_INVALID\]/,
    )
  })

  for (const [signal, status] of [
    ['SIGTERM', 143],
    ['SIGKILL', null],
  ] as const)
    test(`${signal} in the middle leaves nothing that looks whole`, async () => {
      const out = directory()
      const huge = directory()
      command('truncate', ['-s', '40G', join(huge, 'huge')])
      const slow = writeConf(huge, { store_layers: [[join(huge, 'huge')]] })
      const { child, ended } = startCli([slow, '-o', join(out, 'image.tar')])
      await isOpen(child, /\/huge$/)
      assert.equal(readdirSync(out).length, 1)
      child.kill(signal)
      assert.equal((await ended).status, status)
      assert.ok(!existsSync(join(out, 'image.tar')))
      if (signal === 'SIGTERM') assert.deepEqual(readdirSync(out), [])
      rmSync(out, { recursive: true })
    })
})

interface OciIndex {
  manifests: { digest: string; annotations?: Record<string, string> }[]
}

describe('image layouts', { skip: skipWithout('skopeo') }, () => {
  test('skopeo finds the same image in a directory and in an archive', async () => {
    const out = directory()
    const names = [`oci:${join(out, 'dir')}:v1`, `oci-archive:${join(out, 'a.tar')}:v1`]
    for (const compress of ['none', 'gzip']) {
      rmSync(join(out, 'dir'), { recursive: true, force: true })
      const run = await runAsync([conf, '--compress', compress, ...names.flatMap((name) => ['-o', name])])
      const { manifestDigest } = resultOf(run)
      const { image, imageId } = await readImage(streamed)
      for (const name of names) {
        const found = JSON.parse(command('skopeo', ['inspect', '--raw', name])) as {
          config: { digest: string }
        }
        assert.equal(found.config.digest, imageId)
        const copy = join(out, 'copy.tar')
        rmSync(copy, { force: true })
        command('skopeo', ['copy', '-q', name, `docker-archive:${copy}`])
        assert.deepEqual((await readImage(copy)).image.rootfs.diff_ids, image.rootfs.diff_ids)
      }
      const index = JSON.parse(readFileSync(join(out, 'dir', 'index.json'), 'utf8')) as OciIndex
      assert.deepEqual(
        index.manifests.map(({ digest }) => digest),
        [manifestDigest],
      )
      assert.deepEqual(readdirSync(out).sort(), ['a.tar', 'copy.tar', 'dir'])
    }
  })

  test('an archive has the same bytes each time', async () => {
    const out = directory()
    for (const jobs of ['1', '4'])
      resultOf(
        await runAsync([conf, '-o', `oci-archive:${join(out, jobs)}`, '-j', jobs, '--compress', 'zstd:1']),
      )
    assert.equal(sha256File(join(out, '1')), sha256File(join(out, '4')))
  })

  test('other images stay, the same tag is replaced, blobs are written once', async () => {
    const out = join(directory(), 'layout')
    const other = writeConf(directory(), { store_dir: store, store_layers: [[paths[1]!], [paths[2]!]] })
    resultOf(await runAsync([conf, '-o', `oci:${out}:one`]))
    const blob = join(out, 'blobs/sha256', readdirSync(join(out, 'blobs/sha256'))[0]!)
    utimesSync(blob, 1, 1)
    resultOf(await runAsync([other, '-o', `oci:${out}:two`]))
    const again = resultOf(await runAsync([other, '-o', `oci:${out}:one`]))
    assert.deepEqual(again.destinations?.[0]?.skipped?.layers, 3)
    assert.equal(lstatSync(blob).mtimeMs, 1000)
    const index = JSON.parse(readFileSync(join(out, 'index.json'), 'utf8')) as OciIndex
    const tags = index.manifests.map(({ annotations }) => annotations?.['org.opencontainers.image.ref.name'])
    assert.deepEqual(tags, ['two', 'one'])
    assert.ok(readdirSync(join(out, 'blobs/sha256')).every((name) => /^[0-9a-f]{64}$/.test(name)))
    writeFileSync(join(out, 'index.json'), '{"manifests": 1}')
    assert.match(failure(conf, '-o', `oci:${out}`), /index.json: expected an image index.*\[IMAGE_INVALID\]/)
  })

  test('on bases: plain, compressed, and one whose diff IDs are not true', {
    skip: skipWithoutPython,
  }, async () => {
    const out = directory()
    const layers = [
      { name: 'one/layer.tar', data: noise(30_000, 1) },
      { name: 'two/layer.tar', data: noise(70_000, 2) },
    ]
    for (const compression of ['none', 'gz', 'xz'] as const) {
      const base = makeTar(join(out, `base-${compression}`), [...layers, ...documents({ layers })], {
        compression,
      })
      const top = writeConf(directory(), { store_dir: store, store_layers: [[paths[1]!]], from_image: base })
      resultOf(await runAsync([top, '-o', `oci:${join(out, compression)}:x`, '--compress', 'gzip']))
      const { image, imageId } = await readImage(runCli(top).output)
      const raw = JSON.parse(command('skopeo', ['inspect', '--raw', `oci:${join(out, compression)}:x`])) as {
        config: { digest: string }
        layers: { digest: string }[]
      }
      assert.equal(raw.config.digest, imageId)
      const diffIds = raw.layers.map(({ digest }) => {
        const blob = join(out, compression, 'blobs', digest.replace(':', '/'))
        return `sha256:${command('sh', ['-c', 'zcat < "$0" | sha256sum', blob]).slice(0, 64)}`
      })
      assert.deepEqual(diffIds, image.rootfs.diff_ids)
    }
    const wrong = documents({ layers, diffIds: ['0'.repeat(64), '1'.repeat(64)] })
    const base = makeTar(join(out, 'wrong'), [...layers, ...wrong])
    const top = writeConf(directory(), { from_image: base })
    assert.match(
      failure(top, '-o', `oci:${join(out, 'x')}`),
      /base layer (one|two).*expected the diff ID sha256:(0+|1+), found .*\[BASE_INVALID\]/,
    )
    assert.ok(!existsSync(join(out, 'x', 'index.json')))
  })

  test('umoci, podman and containerd run it', {
    skip: skipWithout('umoci', 'podman', 'runc', 'containerd', 'ctr', 'nix-store', 'busybox'),
  }, async () => {
    const out = directory()
    const closure = buildClosure(out)
    const real = closureConf(join(out, 'conf'), closure, null, 'oci')
    const layout = join(out, 'layout')
    resultOf(await runAsync([real, '-o', `oci:${layout}:v1`, '-o', `oci-archive:${join(out, 'a.tar')}`]))
    command('umoci', ['unpack', '--image', `${layout}:v1`, join(out, 'bundle')])
    assert.ok(existsSync(join(out, 'bundle/rootfs', closure.paths[0]!)))
    const podman = new Podman(join(out, 'podman'))
    const id = podman.call('pull', '-q', `oci-archive:${join(out, 'a.tar')}`)
    assert.equal(podman.run(id), `hello from oci\n${closure.paths.length}`)
    const containerd = await Containerd.start(join(out, 'ctr'))
    for (const compress of ['none', 'gzip', 'zstd']) {
      const archive = join(out, `${compress}.tar`)
      resultOf(await runAsync([real, '-o', `oci-archive:${archive}:${compress}`, '--compress', compress]))
      const base = ['--base-name', 'localhost/oci']
      containerd.call('image', 'import', '--snapshotter', 'native', ...base, archive)
      assert.equal(
        containerd.run(`localhost/oci:${compress}`),
        `hello from oci\n${closure.paths.length}`,
        compress,
      )
    }
  })
})

describe('places that get into the way of each other', () => {
  const directory = join(root, 'apart')
  const store = join(directory, 'store')
  mkdirSync(store, { recursive: true })
  writeFileSync(join(store, 'file'), 'x')
  const conf = writeConf(directory, { store_layers: [[store]] })
  const at = (name: string): string => join(directory, name)
  const cases: Record<string, string[]> = {
    'an archive and the digest': ['-o', at('x'), '--digest-file', at('x')],
    'two archives': ['-o', at('x'), '-o', `oci-archive:${at('x')}`],
    'standard output twice': ['-o', '-', '-o', 'docker-archive:-'],
    'the configuration itself': ['-o', conf],
    'a file below a store path': ['-o', join(store, 'x')],
    'a layout below a store path': ['-o', `oci:${join(store, 'x')}`],
    'an oci-archive below a store path': ['-o', `oci-archive:${join(store, 'x')}`],
    'the digest below a store path': ['-o', at('x'), '--digest-file', join(store, 'x')],
  }
  for (const [what, args] of Object.entries(cases))
    test(`${what}: an error before anything starts`, async () => {
      const before = readFileSync(conf, 'utf8')
      const { status, stderr, stdout } = await runAsync([conf, ...args])
      assert.deepEqual({ status, stdout }, { status: 2, stdout: '' })
      assert.match(
        stderr,
        /expected a (file of its own|place outside of what goes into the image), .*\[DESTINATION_INVALID\]/,
      )
      assert.equal(readFileSync(conf, 'utf8'), before)
      assert.ok(!existsSync(at('x')))
    })

  test('a layer file and its blob', async () => {
    const args = [
      'layer',
      `/nix/store/${'0'.repeat(32)}-x`,
      '--compress',
      'gzip',
      '--blob',
      at('x'),
      '-o',
      at('x'),
    ]
    const { status, stderr } = await runAsync(args)
    assert.equal(status, 2)
    assert.match(stderr, /expected a file of its own, .*\[DESTINATION_INVALID\]/)
  })

  test('a digest that cannot be written: no image appears', async () => {
    for (const file of [directory, at('no/such')]) {
      const { status, stderr } = await runAsync([conf, '-o', at('y'), '--digest-file', file])
      assert.equal(status, 1)
      assert.match(stderr, /\[OUTPUT_FAILED\]/)
      assert.ok(!existsSync(at('y')))
    }
  })
})

test('images that are named beside a destination: an error before anything starts, where nothing takes them', async () => {
  const place = directory()
  const layout = `oci:${join(place, 'layout')}:a`
  const registry = 'docker://localhost:1/a'
  const cases: [RegExp, ...string[]][] = [
    [/previous: expected a registry among the destinations, found none/, layout, '--previous', 'bad tag!'],
    [/previous: expected a registry among the destinations, found none/, layout, '--previous', 'v1'],
    [/mountFrom: expected a registry among the destinations, found none/, layout, '--mount-from', 'BAD'],
    [/mountFrom: expected a registry/, join(place, 'file'), '--mount-from', 'a/b'],
    [/previous: expected a registry/, '-', '--previous', 'v1'],
    [
      /previous image "bad tag!": expected a tag, a digest, or/,
      layout,
      '-o',
      registry,
      '--previous',
      'bad tag!',
    ],
    [/expected a repository to mount from, found "BAD"/, layout, '-o', registry, '--mount-from', 'BAD'],
  ]
  for (const [message, output, ...options] of cases) {
    const run = await runAsync([conf, '-o', output!, ...options])
    assert.equal(run.status, 2, run.stderr)
    assert.equal(run.stdout, '')
    assert.match(run.stderr, message)
    assert.match(run.stderr, /\[(OPTION|DESTINATION)_INVALID\]/)
    assert.deepEqual(readdirSync(place), [])
  }
})
