/** Images as others save them: what is said of them is what those programs say. */
import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { copyImage, type ImageFacts, inspectImage } from '../../src/index.js'
import { command, Podman, skipWithout } from '../support/clients.js'
import { startRegistry } from '../support/registry.js'
import { scratchDirectory } from '../support/scratch.js'
import { nixImage, writeTarImage } from '../support/tar-image.js'

const skip = skipWithout('skopeo', 'umoci', 'podman', 'buildah', 'docker-registry')
const root = scratchDirectory()

interface Blob {
  mediaType: string
  digest: string
  size: number
}

function skopeo<T>(...args: string[]): T {
  return JSON.parse(command('skopeo', args)) as T
}

/** @param options of skopeo's for that place */
function checkBySkopeo(facts: ImageFacts, name: string, options: readonly string[] = []): void {
  const config = skopeo<{
    architecture: string
    os: string
    created: string
    config: object
    rootfs: { diff_ids: string[] }
  }>(...['inspect', '--config', ...options, name])
  assert.deepEqual(
    [facts.platform.os, facts.platform.architecture, Date.parse(facts.created!)],
    [config.os, config.architecture, Date.parse(config.created)],
  )
  assert.deepEqual(facts.config, config.config)
  assert.deepEqual(
    facts.layers.map(({ diffId }) => diffId),
    config.rootfs.diff_ids,
  )
  if (facts.manifest === undefined) return
  const manifest = skopeo<{ config: Blob; layers: Blob[] }>('inspect', '--raw', ...options, name)
  assert.equal(facts.imageId, manifest.config.digest)
  const blobs = manifest.layers.map(({ mediaType, digest, size }) => ({ mediaType, digest, size }))
  assert.deepEqual(
    facts.layers.map(({ blob }) => blob),
    blobs,
  )
  assert.equal(
    facts.totals.blobSize,
    blobs.reduce((sum, { size }) => sum + size, 0),
  )
  const { Digest } = skopeo<{ Digest: string }>('inspect', '--no-tags', ...options, name)
  assert.equal(facts.manifest.digest, Digest)
}

/** Of what has the same layers, whatever became of the config. */
function checkKept(facts: ImageFacts, expected: ImageFacts): void {
  const contents = ({ layers }: ImageFacts): unknown[] =>
    layers.map(({ diffId, size, storePaths, others }) => ({ diffId, size, storePaths, others }))
  assert.deepEqual(contents(facts), contents(expected))
}

describe('images of others', { skip }, () => {
  const archive = join(root, 'app.tar')
  writeTarImage(archive, nixImage(['app:1.0']))
  const place = (name: string): string => join(root, name)

  test('skopeo copy: layouts and archives', async () => {
    const expected = await inspectImage({ image: archive })
    for (const name of [
      `oci:${place('skopeo')}:1.0`,
      `oci-archive:${place('skopeo.tar')}:1.0`,
      `docker-archive:${place('skopeo-docker.tar')}:app:1.0`,
    ]) {
      command('skopeo', ['copy', '--quiet', `docker-archive:${archive}`, name])
      const image = name.replace(/^(docker-archive:[^:]*):.*/, '$1')
      const facts = await inspectImage({ image })
      checkBySkopeo(facts, name.startsWith('docker') ? image : name)
      checkKept(facts, expected)
    }
  })

  test('a registry that has Docker’s own manifest', async () => {
    const { host } = await startRegistry(place('registry'))
    const name = `docker://${host}/app:1.0`
    const insecure = ['--dest-tls-verify=false', '--format', 'v2s2']
    command('skopeo', ['copy', '--quiet', ...insecure, `docker-archive:${archive}`, name])
    for (const deep of [false, true]) {
      const facts = await inspectImage({ image: name, deep })
      assert.match(facts.manifest!.mediaType, /docker\.distribution\.manifest\.v2/)
      checkBySkopeo(facts, name, ['--tls-verify=false'])
      assert.equal(facts.totals.storePaths, 4)
    }
  })

  test('podman save: archives and a directory', async () => {
    const podman = new Podman(place('storage'))
    podman.call('load', '-i', archive)
    const expected = await inspectImage({ image: archive })
    const formats = [
      ['docker-archive', 'docker-archive:'],
      ['oci-archive', 'oci-archive:'],
      ['oci-dir', 'oci:'],
    ] as const
    for (const [format, scheme] of formats) {
      const path = place(`podman-${format}`)
      podman.call('save', '--format', format, '-o', path, 'app:1.0')
      const facts = await inspectImage({ image: `${scheme}${path}` })
      checkBySkopeo(facts, `${scheme}${path}`)
      checkKept(facts, expected)
      // Of Docker's config podman makes one of OCI where it saves such.
      assert.equal(podman.ids().includes(facts.imageId), format === 'docker-archive')
    }
  })

  test('umoci: a layout whose image it has changed', async () => {
    const layout = place('umoci')
    command('skopeo', ['copy', '--quiet', `docker-archive:${archive}`, `oci:${layout}:1.0`])
    mkdirSync(place('more'))
    writeFileSync(place('more/file'), 'more')
    command('umoci', [
      'insert',
      '--image',
      `${layout}:1.0`,
      '--history.created_by',
      'a test',
      place('more'),
      '/more',
    ])
    const facts = await inspectImage({ image: `oci:${layout}:1.0` })
    checkBySkopeo(facts, `oci:${layout}:1.0`)
    const { history } = JSON.parse(command('umoci', ['stat', '--image', `${layout}:1.0`, '--json'])) as {
      history: { layer: Blob | null; diff_id: string; created_by?: string; empty_layer?: boolean }[]
    }
    assert.deepEqual(
      facts.layers.map(({ diffId, blob, history: entry }) => [diffId, blob, entry!.createdBy]),
      history
        .filter(({ empty_layer }) => !empty_layer)
        .map(({ diff_id, layer, created_by }) => [
          diff_id,
          { mediaType: layer!.mediaType, digest: layer!.digest, size: layer!.size },
          created_by,
        ]),
    )
    assert.deepEqual(
      facts.layers.at(-1)!.others.filter(({ path }) => path === '/more'),
      [{ path: '/more', members: 2, bytes: 4 }],
    )
  })

  test('buildah: an image made by steps, of which some are empty', async () => {
    const options = ['--root', place('buildah'), '--runroot', place('buildah-run'), '--storage-driver', 'vfs']
    const buildah = (...args: string[]): string => command('buildah', [...options, ...args])
    const container = buildah('from', 'scratch')
    writeFileSync(place('data'), 'x'.repeat(5000))
    buildah('add', container, place('data'), '/opt/data')
    buildah('config', '--env', 'A=b', '--cmd', '/opt/data', '--label', 'l=v', '--port', '80', container)
    const id = buildah('commit', '--quiet', container, 'built:1').split('\n').at(-1)!
    buildah('push', '--quiet', 'built:1', `oci:${place('built')}:1`)
    const facts = await inspectImage({ image: `oci:${place('built')}:1` })
    checkBySkopeo(facts, `oci:${place('built')}:1`)
    assert.equal(facts.imageId, `sha256:${id}`)
    assert.deepEqual(
      facts.layers.map(({ others }) => others.find(({ path }) => path === '/opt')),
      [{ path: '/opt', members: 2, bytes: 5000 }],
    )
  })

  test('copied by this program: skopeo and this program agree', async () => {
    const name = `oci:${place('own')}:1.0`
    await copyImage({ image: archive, destinations: [name], compression: { kind: 'zstd' } })
    checkBySkopeo(await inspectImage({ image: name }), name)
  })
})
