/** Layouts that others wrote: what the specification allows is read, what nobody should write is refused. */
import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { OciArchive } from '../../src/blob-stores/oci-archive.js'
import { OciLayout } from '../../src/blob-stores/oci-layout.js'
import type { BlobReader } from '../../src/model/blob-store.js'
import type { Descriptor, Document } from '../../src/model/descriptor.js'
import { Containerd, command, skipWithout } from '../support/clients.js'
import { scratchDirectory } from '../support/scratch.js'
import { blobOf, bytesOf, hasCode, makeImage, makeIndex, putImage, type TestImage } from './suite.js'

const root = scratchDirectory()
let count = 0

const REF = 'org.opencontainers.image.ref.name'

/** A layout with these blobs and an index.json of any content. */
function writeLayout(
  blobs: readonly Document[],
  index: unknown,
  marker: unknown = { imageLayoutVersion: '1.0.0' },
): string {
  const directory = join(root, String(count++))
  mkdirSync(join(directory, 'blobs/sha256'), { recursive: true })
  for (const { descriptor, bytes } of blobs)
    writeFileSync(join(directory, 'blobs', descriptor.digest.replace(':', '/')), bytes)
  writeFileSync(join(directory, 'index.json'), typeof index === 'string' ? index : JSON.stringify(index))
  if (marker !== undefined) writeFileSync(join(directory, 'oci-layout'), JSON.stringify(marker))
  return directory
}

function all({ config, layers, manifest }: TestImage): Document[] {
  return [config, ...layers, manifest]
}

const image = makeImage([100])
const { descriptor } = image.manifest

function read(directory: string): ReturnType<typeof OciLayout.read> {
  return OciLayout.read('oci:x', directory)
}

/** Each layer of an image, compared. */
async function readAll(reader: BlobReader, manifest: Document | undefined): Promise<number> {
  assert.ok(manifest)
  const { config, layers } = JSON.parse(String(manifest.bytes)) as {
    config: Descriptor
    layers: Descriptor[]
  }
  for (const blob of [config, ...layers]) assert.equal((await bytesOf(reader.get(blob))).length, blob.size)
  return layers.length
}

describe('what the specification allows', () => {
  for (const [what, index] of [
    ['no manifests', { schemaVersion: 2 }],
    ['manifests: null', { schemaVersion: 2, manifests: null, annotations: null }],
  ] as const)
    test(`${what}: it is read, and added to`, async () => {
      const directory = writeLayout([], index)
      assert.equal(await (await read(directory)).manifest('v1'), undefined)
      const layout = await OciLayout.open('oci:x', directory)
      await putImage(layout, image, 'v1')
      await layout.publish()
      await layout.close()
      assert.deepEqual(await (await read(directory)).manifest('v1'), image.manifest)
    })

  test('annotations: null, entries and keys of any kind: they are kept', async () => {
    const entries = [
      { ...descriptor, annotations: null, platform: { os: 'linux', architecture: 'amd64' }, data: 'eA==' },
      {
        mediaType: 'x/y',
        digest: `sha512:${'0'.repeat(128)}`,
        size: 1,
        annotations: { [REF]: 'other', a: 'b' },
      },
    ]
    const directory = writeLayout(all(image), {
      schemaVersion: 2,
      manifests: entries,
      subject: { a: 1 },
      x: [1],
    })
    assert.deepEqual(await (await read(directory)).manifest(undefined), image.manifest)
    await assert.rejects(
      (await read(directory)).manifest('other'),
      /expected a SHA-256 digest, found "sha512:/,
    )
    const layout = await OciLayout.open('oci:x', directory)
    await putImage(layout, makeImage(), 'v1')
    await layout.publish()
    await layout.close()
    const index = JSON.parse(readFileSync(join(directory, 'index.json'), 'utf8')) as { manifests: unknown[] }
    assert.deepEqual(index.manifests.slice(0, 2), entries)
    assert.deepEqual(
      { ...index, manifests: [] },
      { schemaVersion: 2, subject: { a: 1 }, x: [1], manifests: [] },
    )
  })

  test('an entry without a media type, and a manifest without one', async () => {
    const bytes = Buffer.from(
      JSON.stringify({ ...(JSON.parse(String(image.manifest.bytes)) as object), mediaType: undefined }),
    )
    const bare = blobOf(bytes, descriptor.mediaType)
    const { digest, size } = bare.descriptor
    const directory = writeLayout([...all(image), bare], {
      manifests: [{ digest, size, annotations: { [REF]: 'v1' } }],
    })
    assert.deepEqual(await (await read(directory)).manifest('v1'), bare)
  })

  test('no oci-layout file; blobs that are symbolic links', async () => {
    const directory = writeLayout([], { manifests: [descriptor] }, undefined)
    for (const { descriptor, bytes } of all(image)) {
      const path = join(root, descriptor.digest)
      writeFileSync(path, bytes)
      symlinkSync(path, join(directory, 'blobs', descriptor.digest.replace(':', '/')))
    }
    const reader = await read(directory)
    assert.equal(await readAll(reader, await reader.manifest(undefined)), 1)
  })

  test('an index within an index', async () => {
    const inner = makeIndex([image.manifest])
    const outer = makeIndex([inner])
    const entry = { ...outer.descriptor, annotations: { [REF]: 'all' } }
    const reader = await read(writeLayout([...all(image), inner, outer], { manifests: [entry] }))
    assert.deepEqual(await reader.manifest('all'), outer)
    assert.deepEqual(await reader.manifest(inner.descriptor.digest), inner)
    assert.deepEqual(await reader.manifest(descriptor.digest), image.manifest)
  })

  test('a whole reference is a name, and has a tag when only one has it', async () => {
    const other = makeImage([10])
    const named = (ref: string, of = descriptor) => ({ ...of, annotations: { [REF]: ref } })
    const blobs = [...all(image), ...all(other)]
    const one = await read(writeLayout(blobs, { manifests: [named('docker.io/library/a:v1')] }))
    for (const tag of ['docker.io/library/a:v1', 'v1'])
      assert.deepEqual(await one.manifest(tag), image.manifest)
    const entries = [
      named('docker.io/library/a:v1'),
      named('docker.io/library/b:v1', other.manifest.descriptor),
    ]
    const two = await read(writeLayout(blobs, { manifests: entries }))
    assert.equal(await two.manifest('v1'), undefined)
    assert.deepEqual(await two.manifest('docker.io/library/b:v1'), other.manifest)
    const exact = await read(
      writeLayout(blobs, { manifests: [...entries, named('v1', other.manifest.descriptor)] }),
    )
    assert.deepEqual(await exact.manifest('v1'), other.manifest)
  })
})

describe('what is refused', () => {
  const both = blobOf(
    Buffer.from(JSON.stringify({ ...(JSON.parse(String(image.manifest.bytes)) as object), manifests: [] })),
    descriptor.mediaType,
  )
  const cases: Record<string, [unknown, unknown?]> = {
    'no JSON': ['{'],
    'another document': ['[1]'],
    'a number for manifests': [{ manifests: 1 }],
    'an entry without a digest': [{ manifests: [{ size: 1 }] }],
    'a size that is none': [{ manifests: [{ ...descriptor, size: -1 }] }],
    'a size beyond all bounds': [`{"manifests":[{"digest":"${descriptor.digest}","size":1e300}]}`],
    'a version to come': [{ manifests: [descriptor] }, { imageLayoutVersion: '2.0.0' }],
    'a version that is none': [{ manifests: [descriptor] }, []],
    'a depth beyond reason': [`{"manifests":[],"x":${'['.repeat(2_000_000)}`],
    'a size of more than 4 MiB': [`{"manifests":[]${' '.repeat(4 << 20)}}`],
    'no UTF-8': ['{"manifests":[],"x":"\uFFFF"}'],
    'a digest that leads away': [{ manifests: [{ ...descriptor, digest: 'sha256:../../../../etc/passwd' }] }],
    'another size than the manifest': [{ manifests: [{ ...descriptor, size: descriptor.size + 1 }] }],
    'another media type than the manifest': [
      { manifests: [{ ...descriptor, mediaType: makeIndex([]).descriptor.mediaType }] },
    ],
    'a manifest that is an index too': [{ manifests: [both.descriptor] }],
    'a layer for a manifest': [{ manifests: [image.layers[0]!.descriptor] }],
    'a manifest that is not there': [{ manifests: [makeImage().manifest.descriptor] }],
  }
  for (const [what, [index, marker]] of Object.entries(cases))
    test(`an index.json with ${what}`, async () => {
      const directory = writeLayout([...all(image), both], index, marker)
      if (what === 'no UTF-8') writeFileSync(join(directory, 'index.json'), Buffer.from([0x22, 0xff, 0x22]))
      await assert.rejects(async () => (await read(directory)).manifest(undefined), hasCode('IMAGE_INVALID'))
    })

  test('a deeply nested index takes no memory out of proportion', async () => {
    const directory = writeLayout([], `{"manifests":${'['.repeat((4 << 20) - 20)}`)
    const before = process.memoryUsage().rss
    await assert.rejects(read(directory), hasCode('IMAGE_INVALID'))
    assert.ok(process.memoryUsage().rss - before < 100 << 20)
  })
})

describe('what other programs write', {
  skip: skipWithout('skopeo', 'umoci', 'podman', 'buildah', 'ctr', 'containerd'),
}, () => {
  const own = join(root, 'own')
  const put = async (): Promise<void> => {
    // A layer that engines can unpack.
    mkdirSync(join(root, 'rootfs'))
    writeFileSync(join(root, 'rootfs/file'), 'text')
    command('tar', ['-C', join(root, 'rootfs'), '-cf', join(root, 'layer.tar'), 'file'])
    const layer = blobOf(readFileSync(join(root, 'layer.tar')))
    const rootfs = { type: 'layers', diff_ids: [layer.descriptor.digest] }
    const config = blobOf(
      Buffer.from(JSON.stringify({ architecture: 'amd64', os: 'linux', config: {}, rootfs, history: [] })),
      'application/vnd.oci.image.config.v1+json',
    )
    const named = { config: config.descriptor, layers: [layer.descriptor] }
    const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: descriptor.mediaType, ...named }))
    const layout = await OciLayout.open('oci:own', own)
    await putImage(layout, { config, layers: [layer], manifest: blobOf(bytes, descriptor.mediaType) }, 'v1')
    await layout.publish()
    await layout.close()
  }
  const ready = put()

  test('skopeo: a directory, an archive, a whole reference', async () => {
    await ready
    const to = join(root, 'skopeo')
    command('skopeo', ['copy', '-q', `oci:${own}:v1`, `oci:${to}:docker.io/library/a:v2`])
    const reader = await read(to)
    for (const tag of ['docker.io/library/a:v2', 'v2', undefined])
      assert.equal(await readAll(reader, await reader.manifest(tag)), 1)
    command('skopeo', ['copy', '-q', `oci:${own}:v1`, `oci-archive:${to}.tar:v3`])
    const archive = await OciArchive.read('oci-archive:x', `${to}.tar`)
    assert.equal(await readAll(archive, await archive.manifest('v3')), 1)
    await archive.close()
    command('gzip', [`${to}.tar`])
    const packed = await OciArchive.read('oci-archive:x', `${to}.tar.gz`)
    assert.equal(await readAll(packed, await packed.manifest('v3')), 1)
    await packed.close()
  })

  test('umoci: its own, and ours beside it survive each other and umoci gc', async () => {
    await ready
    const to = join(root, 'umoci')
    command('umoci', ['init', '--layout', to])
    command('umoci', ['new', '--image', `${to}:empty`])
    assert.ok(await (await read(to)).manifest('empty'))
    command('skopeo', ['copy', '-q', `oci:${own}:v1`, `oci:${to}:theirs`])
    const layout = await OciLayout.open('oci:x', to)
    const ours = makeImage([10])
    await putImage(layout, ours, 'ours')
    await layout.publish()
    // In the middle of putting the next.
    await layout.put(blobOf(Buffer.from('loose')).descriptor, Buffer.from('loose'))
    command('umoci', ['gc', '--layout', to])
    await layout.close()
    const reader = await read(to)
    assert.deepEqual((await reader.tags()).sort(), ['empty', 'ours', 'theirs'])
    assert.equal(await readAll(reader, await reader.manifest('theirs')), 1)
    assert.equal(await readAll(reader, await reader.manifest('ours')), 1)
    assert.equal(command('umoci', ['ls', '--layout', to]).split('\n').length, 3)
  })

  test('podman and buildah: save and push', async () => {
    await ready
    const storage = [
      '--root',
      join(root, 'storage'),
      '--runroot',
      join(root, 'run'),
      '--storage-driver',
      'vfs',
    ]
    command('skopeo', ['copy', '-q', `oci:${own}:v1`, `oci-archive:${join(root, 'nameless.tar')}`])
    const id = command('podman', [...storage, 'pull', '-q', `oci-archive:${join(root, 'nameless.tar')}`])
    command('podman', [...storage, 'tag', id, 'localhost/a:v1'])
    const saved = join(root, 'podman.tar')
    command('podman', [...storage, 'save', '-q', '--format', 'oci-archive', '-o', saved, 'localhost/a:v1'])
    const archive = await OciArchive.read('oci-archive:x', saved)
    for (const tag of ['localhost/a:v1', 'v1', undefined])
      assert.equal(await readAll(archive, await archive.manifest(tag)), 1)
    await archive.close()
    const directory = join(root, 'podman-dir')
    command('podman', [...storage, 'save', '-q', '--format', 'oci-dir', '-o', directory, 'localhost/a:v1'])
    const saving = await read(directory)
    assert.equal(await readAll(saving, await saving.manifest(undefined)), 1)
    const pushed = join(root, 'buildah')
    command('buildah', [...storage, 'push', '-q', 'localhost/a:v1', `oci:${pushed}:v2`])
    const reader = await read(pushed)
    assert.equal(await readAll(reader, await reader.manifest('v2')), 1)
  })

  test('containerd: ctr image export', async () => {
    await ready
    const containerd = await Containerd.start(join(root, 'ctr'))
    command('skopeo', ['copy', '-q', `oci:${own}:v1`, `oci-archive:${join(root, 'in.tar')}:v1`])
    containerd.call('image', 'import', '--no-unpack', '--base-name', 'localhost/a', join(root, 'in.tar'))
    const exported = join(root, 'out.tar')
    containerd.call('image', 'export', exported, 'localhost/a:v1')
    const archive = await OciArchive.read('oci-archive:x', exported)
    for (const tag of ['localhost/a:v1', 'v1', undefined])
      assert.equal(await readAll(archive, await archive.manifest(tag)), 1)
    await archive.close()
  })
})
