/** What real programs save is valid, and has the layers that they were given. */
import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { diffOpened } from '../../src/diff-images.js'
import { inRun, type Run } from '../../src/in-run.js'
import { copyImage, verifyImage } from '../../src/index.js'
import { openAny } from '../../src/sources/any.js'
import { verifyIn } from '../../src/verify-image.js'
import { smallImage, writeArchive } from '../comparison/small-image.js'
import { Containerd, command, DockerEngine, Podman, skipWithout } from '../support/clients.js'
import { startRegistry } from '../support/registry.js'
import { scratchDirectory } from '../support/scratch.js'

const root = scratchDirectory()
const path = (name: string): string => join(root, name)
const archive = writeArchive(path('small.tar'), smallImage())

/** Valid, with the layers that it had: some programs write the config anew. */
async function expectSame(image: string, run: Run): Promise<void> {
  const { problems, checked } = await verifyIn(run, { image })
  assert.deepEqual(problems, [], image)
  assert.ok(checked.images >= 1 && checked.layers >= 4, image)
  const [from, to] = await Promise.all([openAny(archive, run), openAny(image, run)])
  const found = await diffOpened({ name: archive, ...from }, { name: image, ...to }, run)
  assert.deepEqual(found.layers, [], image)
}

test('skopeo', { skip: skipWithout('skopeo') }, async () => {
  const copies = [
    ['oci:', 'sk:a'],
    ['oci-archive:', 'sk.tar:a'],
    ['docker-archive:', 'skd.tar:a:1'],
  ]
  for (const [scheme, name] of copies)
    command('skopeo', ['copy', '-q', `docker-archive:${archive}`, `${scheme}${path(name!)}`])
  const zstd = [
    'copy',
    '-q',
    '--dest-compress-format',
    'zstd',
    `docker-archive:${archive}`,
    `oci:${path('skz')}:a`,
  ]
  command('skopeo', zstd)
  await inRun({ threads: 1 }, async (run) => {
    for (const image of [
      `oci:${path('sk')}:a`,
      `oci-archive:${path('sk.tar')}`,
      path('skd.tar'),
      `oci:${path('skz')}`,
    ])
      await expectSame(image, run)
  })
})

test('podman and buildah', { skip: skipWithout('podman', 'buildah') }, async () => {
  const podman = new Podman(path('podman'))
  podman.call('load', '-qi', archive)
  for (const [format, name] of [
    ['docker-archive', 'pd.tar'],
    ['oci-archive', 'po.tar'],
    ['oci-dir', 'po'],
  ])
    podman.call('save', '-q', '--format', format!, '-o', path(name!), 'small:1')
  podman.call('save', '-q', '-m', '-o', path('pm.tar'), 'small:1')
  const storage = ['--root', path('podman/root'), '--runroot', path('podman/run'), '--storage-driver', 'vfs']
  command('buildah', [...storage, 'push', '-q', 'localhost/small:1', `oci:${path('bo')}:a`])
  await inRun({ threads: 1 }, async (run) => {
    for (const image of [
      path('pd.tar'),
      `oci-archive:${path('po.tar')}`,
      `oci:${path('po')}`,
      path('pm.tar'),
      `oci:${path('bo')}`,
    ])
      await expectSame(image, run)
  })
})

test('Docker', { skip: skipWithout('dockerd', 'docker') }, async () => {
  const docker = await DockerEngine.start(path('docker'))
  docker.call('load', '-qi', archive)
  docker.call('save', '-o', path('dd.tar'), 'small:1')
  await inRun({ threads: 1 }, (run) => expectSame(path('dd.tar'), run))
})

test('umoci', { skip: skipWithout('umoci') }, async () => {
  await copyImage({ image: archive, destinations: [`oci:${path('um')}:a`] })
  command('umoci', ['config', '--image', `${path('um')}:a`, '--tag', 'b', '--config.user', 'other'])
  mkdirSync(path('empty'))
  const { problems, checked } = await verifyImage({ image: `oci:${path('um')}` })
  assert.deepEqual([problems, checked.images], [[], 2])
})

test('containerd', { skip: skipWithout('containerd', 'ctr') }, async () => {
  const containerd = await Containerd.start(path('c'))
  await copyImage({ image: archive, destinations: [`oci-archive:${path('in.tar')}:small:1`] })
  containerd.call('images', 'import', '--base-name', 'small', path('in.tar'))
  const name = containerd.call('images', 'ls', '-q').split('\n')[0]!
  containerd.call('images', 'export', path('out.tar'), name)
  await inRun({ threads: 1 }, (run) => expectSame(`oci-archive:${path('out.tar')}`, run))
})

test('a registry', { skip: skipWithout('docker-registry') }, async () => {
  const { host } = await startRegistry(path('registry'))
  for (const kind of ['none', 'gzip', 'zstd'] as const) {
    const image = `docker://${host}/small:${kind}`
    await copyImage({ image: archive, destinations: [image], compression: { kind } })
    await inRun({ threads: 1 }, (run) => expectSame(image, run))
  }
})
