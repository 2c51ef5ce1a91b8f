/** Docker-archives that are image layouts, too, or nothing else: read where their layers are, packed or not. */
import assert from 'node:assert/strict'
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { OciLayout } from '../../src/blob-stores/oci-layout.js'
import { documentOf, INDEX_TYPE, parseManifest } from '../../src/documents/oci-manifest.js'
import {
  buildImage,
  copyImage,
  type Digest,
  diffImages,
  inspectImage,
  verifyImage,
  whyInImage,
} from '../../src/index.js'
import { readImage } from '../support/archive.js'
import { writeConf } from '../support/image.js'
import { blobName, type Listed, writeLayoutArchive } from '../support/layout-archive.js'
import { directoriesIn, scratchDirectory } from '../support/scratch.js'
import { nixImage, nixRegistration, writeTarImage } from '../support/tar-image.js'

const root = scratchDirectory()
const directory = directoriesIn(root)
const plain = join(root, 'plain.tar')
const { imageId, diffIds } = writeTarImage(plain, nixImage(['app:1.0']))
const other = join(root, 'other.tar')
writeTarImage(other, nixImage(['other:2'], '2.0'))

/** A layout of the images, each under a tag of its own; and what of it manifest.json lists. */
async function layoutOf(kind: 'none' | 'gzip' | 'zstd', ...images: string[]) {
  const path = directory()
  const listed: Listed[] = []
  for (const [i, image] of images.entries()) {
    await copyImage({ image, destinations: [`oci:${path}:v${i}`], compression: { kind } })
    const { names } = await inspectImage({ image })
    const store = await OciLayout.read('oci:', path)
    listed.push({ ...parseManifest((await store.manifest(`v${i}`))!, 'oci:'), names })
    await store.close()
  }
  return { path, listed }
}

async function manifestAt(image: string): Promise<Digest | undefined> {
  return (await inspectImage({ image })).manifest?.digest
}

describe('packed layers', () => {
  for (const kind of ['gzip', 'zstd'] as const)
    test(`by ${kind}: inspected, compared, verified and looked into as the plain ones`, async () => {
      const { path, listed } = await layoutOf(kind, plain)
      const image = writeLayoutArchive(join(root, `${kind}.tar`), path, listed)
      const facts = await inspectImage({ image })
      assert.deepEqual(
        [facts.imageId, facts.layers.map(({ diffId }) => diffId), facts.names],
        [imageId, diffIds, ['app:1.0']],
      )
      assert.deepEqual(
        facts.layers.map(({ blob }) => blob?.digest),
        listed[0]!.layers.map(({ digest }) => digest),
      )
      assert.equal((await diffImages({ from: plain, to: image })).equal, true)
      const { isValid, checked } = await verifyImage({ image })
      assert.deepEqual([isValid, checked.images, checked.layers], [true, 1, diffIds.length])
      const registration = join(root, 'registration')
      writeFileSync(registration, nixRegistration())
      const why = (name: string) => whyInImage({ image: name, path: 'zlib', registration })
      assert.deepEqual({ ...(await why(image)), image: '' }, { ...(await why(plain)), image: '' })
    })

  test('are copied as they are, with their manifest, and unpacked for an archive', async () => {
    const { path, listed } = await layoutOf('gzip', plain)
    const image = writeLayoutArchive(join(root, 'copied.tar'), path, listed)
    const [layout, archive] = [directory(), join(root, 'unpacked.tar')]
    await copyImage({ image, destinations: [`oci:${layout}`, archive] })
    assert.equal(await manifestAt(`oci:${layout}`), await manifestAt(`oci:${path}`))
    assert.equal((await diffImages({ from: plain, to: archive })).equal, true)
  })

  test('may be those of a base', async () => {
    const { path, listed } = await layoutOf('zstd', plain)
    const from_image = writeLayoutArchive(join(root, 'base.tar'), path, listed)
    const output = join(root, 'on-base.tar')
    await buildImage({ conf: writeConf(directory(), { from_image }), destinations: [output] })
    assert.deepEqual((await readImage(output)).image.rootfs.diff_ids.slice(0, -1), diffIds)
  })

  test('in an archive that is compressed as a whole', async () => {
    const { path, listed } = await layoutOf('gzip', plain)
    const image = join(root, 'whole.tar.gz')
    writeFileSync(image, gzipSync(readFileSync(writeLayoutArchive(join(root, 'whole.tar'), path, listed))))
    assert.deepEqual((await inspectImage({ image })).imageId, imageId)
    const found = await verifyImage({ image })
    assert.deepEqual([found.problems, found.checked.layers], [[], diffIds.length])
  })

  test('are those of the image that manifest.json lists first, wherever the index has it', async () => {
    const { path, listed } = await layoutOf('gzip', other, plain)
    const first = writeLayoutArchive(join(root, 'first.tar'), path, listed)
    assert.deepEqual((await inspectImage({ image: first })).names, ['other:2'])
    // As Docker has it that keeps several platforms: the image is in an index of its own.
    const store = await OciLayout.read('oci:', path)
    const { descriptor } = (await store.manifest('v1'))!
    await store.close()
    const nested = await OciLayout.open('oci:', path)
    const index = Buffer.from(JSON.stringify({ schemaVersion: 2, manifests: [descriptor] }))
    await nested.putManifest(documentOf(index, INDEX_TYPE), 'v1')
    await nested.publish()
    await nested.close()
    const second = writeLayoutArchive(join(root, 'second.tar'), path, [listed[1]!, listed[0]!])
    assert.equal((await inspectImage({ image: second })).imageId, imageId)
  })

  test('of an image that the index does not have are refused by name', async () => {
    const { path, listed } = await layoutOf('gzip', plain)
    const stranger = await layoutOf('gzip', other)
    const { config } = stranger.listed[0]!
    copyFileSync(join(stranger.path, blobName(config)), join(path, blobName(config)))
    const image = writeLayoutArchive(join(root, 'missing.tar'), path, [{ ...listed[0]!, config }])
    await assert.rejects(inspectImage({ image }), {
      code: 'IMAGE_INVALID',
      message: `${image}: expected the image with the config ${config.digest}, which manifest.json lists, found no manifest of it`,
    })
  })
})

test('plain layers beside a layout are members of the docker-archive that it is', async () => {
  const { path, listed } = await layoutOf('none', plain)
  const image = writeLayoutArchive(join(root, 'both.tar'), path, listed)
  assert.equal(await manifestAt(image), undefined)
  const copied = join(root, 'members.tar')
  await copyImage({ image, destinations: [copied] })
  const { Layers } = (await readImage(copied)).manifest[0]!
  assert.deepEqual(
    Layers,
    diffIds.map((digest) => blobName({ digest })),
  )
})

test('an archive of a layout alone needs no scheme', async () => {
  const { path } = await layoutOf('gzip', plain)
  const image = writeLayoutArchive(join(root, 'layout.tar'), path)
  const facts = await inspectImage({ image })
  assert.deepEqual(
    [facts.imageId, facts.names, facts.manifest?.digest],
    [imageId, [], await manifestAt(`oci:${path}`)],
  )
  const found = await verifyImage({ image })
  assert.deepEqual([found.problems, found.checked.images, found.checked.layers], [[], 1, diffIds.length])
})
