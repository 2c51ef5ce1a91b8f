/** Layouts and archives whose documents, blobs and layers do not fit each other; of all platforms. */
import assert from 'node:assert/strict'
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { inRun, type Run } from '../../src/in-run.js'
import { copyImage, type Digest, verifyImage } from '../../src/index.js'
import { digestOf } from '../../src/model/digest.js'
import { openAny } from '../../src/sources/any.js'
import { verifyIn } from '../../src/verify-image.js'
import { filesOf, smallImage, writeArchive } from '../comparison/small-image.js'
import { writeLayoutArchive } from '../support/layout-archive.js'
import { mutate } from '../support/mutate.js'
import { block } from '../support/raw-tar.js'
import { directoriesIn, scratchDirectory } from '../support/scratch.js'
import { writeTarImage } from '../support/tar-image.js'

const root = scratchDirectory()
const directory = directoriesIn(root)

interface Descriptor {
  mediaType: string
  digest: Digest
  size: number
  [key: string]: unknown
}

interface Manifest {
  [key: string]: unknown
  schemaVersion: number
  config: Descriptor
  layers: Descriptor[]
}

/** A layout in the making. */
class Layout {
  readonly path = directory()
  readonly manifests: Descriptor[] = []

  constructor() {
    mkdirSync(join(this.path, 'blobs/sha256'), { recursive: true })
  }

  blob(bytes: Buffer, mediaType: string): Descriptor {
    const digest = digestOf(bytes)
    writeFileSync(this.file(digest), bytes)
    return { mediaType, digest, size: bytes.length }
  }

  json(document: object, mediaType: string): Descriptor {
    return this.blob(Buffer.from(JSON.stringify(document)), mediaType)
  }

  file(digest: Digest): string {
    return join(this.path, 'blobs', digest.replace(':', '/'))
  }

  finish(): string {
    writeFileSync(join(this.path, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}')
    const index = { schemaVersion: 2, mediaType: INDEX, manifests: this.manifests }
    writeFileSync(join(this.path, 'index.json'), JSON.stringify(index))
    return `oci:${this.path}`
  }
}

const INDEX = 'application/vnd.oci.image.index.v1+json'
const MANIFEST = 'application/vnd.oci.image.manifest.v1+json'
const CONFIG = 'application/vnd.oci.image.config.v1+json'
const LAYER = 'application/vnd.oci.image.layer.v1.tar'

/** The small image, packed. */
function manifestIn(layout: Layout, architecture = 'amd64'): Manifest {
  const image = smallImage()
  image.config.architecture = architecture
  const { config, layers } = filesOf(image)
  return {
    schemaVersion: 2,
    mediaType: MANIFEST,
    config: layout.blob(config, CONFIG),
    layers: layers.map((layer) => layout.blob(gzipSync(layer), `${LAYER}+gzip`)),
  }
}

type Change = (manifest: Manifest, layout: Layout) => void

const faults: Record<string, [Change, ...RegExp[]]> = {
  none: [() => {}],
  'a layer that is missing': [
    ({ layers }, layout) => rmSync(layout.file(layers[1]!.digest)),
    /^layer 2 \(sha256:\w+\): .*blob sha256:\w+: expected it to be there, found nothing/,
  ],
  'a layer of another size': [
    ({ layers }) => void layers[1]!.size++,
    /^layer 2 \(sha256:\w+\): .*: expected \d+ bytes, found \d+/,
  ],
  'a layer of other bytes': [
    ({ layers }, layout) => flip(layout.file(layers[1]!.digest)),
    /^layer 2 \(sha256:\w+\): expected the digest sha256:\w+, found sha256:\w+/,
  ],
  'a layer that is packed otherwise than its media type says': [
    ({ layers }) => Object.assign(layers[0]!, { mediaType: LAYER }),
    /^layer 1 .*: expected none data, as its media type says, found gzip/,
  ],
  'a layer that is not packed at all': [
    ({ layers }, layout) => {
      layers[0] = layout.blob(filesOf(smallImage()).layers[0]!, `${LAYER}+zstd`)
    },
    /^layer 1 .*: expected zstd data, as its media type says, found none/,
  ],
  'a layer of no media type that is known': [
    ({ layers }) => Object.assign(layers[0]!, { mediaType: 'text/plain' }),
    /^layer 1 .*: expected a layer's media type, found "text\/plain"/,
  ],
  'layers in another order': [
    ({ layers }) => layers.reverse(),
    ...[1, 2, 3, 4].map((i) => new RegExp(`^layer ${i} .*: expected the diff ID sha256:\\w+, found sha256`)),
  ],
  'a layer too many': [
    ({ layers }) => layers.push(layers[0]!),
    /^config sha256:\w+: rootfs\.diff_ids: expected 5, one for each layer, found 4/,
    /^config sha256:\w+: history: expected 5 entries with a layer, found 4/,
  ],
  'gzip data with something behind it': [
    ({ layers }, layout) => {
      const bytes = Buffer.concat([readFileSync(layout.file(layers[3]!.digest)), Buffer.from('behind')])
      layers[3] = layout.blob(bytes, `${LAYER}+gzip`)
    },
    /^layer 4 .*: its gzip data is damaged: something else follows it/,
  ],
  'gzip data that is cut short': [
    ({ layers }, layout) => {
      const bytes = readFileSync(layout.file(layers[3]!.digest)).subarray(0, -4)
      layers[3] = layout.blob(bytes, `${LAYER}+gzip`)
    },
    /^layer 4 .*: its gzip data is damaged/,
  ],
  'a config of other bytes': [
    ({ config }, layout) => flip(layout.file(config.digest)),
    /^config sha256:\w+: .*expected its digest, found sha256/,
  ],
  'a config that is no JSON': [
    (manifest, layout) => Object.assign(manifest, { config: layout.blob(Buffer.from('{'), CONFIG) }),
    /^config sha256:\w+: expected JSON: /,
  ],
  'a manifest of another version': [
    (manifest) => Object.assign(manifest, { schemaVersion: 1 }),
    /^manifest sha256:\w+: expected schemaVersion 2, found 1/,
  ],
  'a manifest without layers': [
    (manifest) => Object.assign(manifest, { layers: undefined }),
    /^manifest sha256:\w+: .*expected an image manifest/,
  ],
  'an artifact, whose blobs are no layers': [
    (manifest, layout) => {
      manifest.config = layout.blob(Buffer.from('{}'), 'application/vnd.oci.empty.v1+json')
      manifest.layers = [layout.blob(Buffer.from('anything'), 'text/plain')]
    },
  ],
}

function flip(path: string): void {
  const bytes = readFileSync(path)
  bytes[bytes.length >> 1]! ^= 1
  writeFileSync(path, bytes)
}

function lines({ problems }: { problems: { where: string; message: string }[] }): string[] {
  return problems.map(({ where, message }) => `${where}: ${message}`)
}

/** In any order. */
function expectLines(found: readonly string[], told: readonly RegExp[]): void {
  const left = [...found]
  for (const line of told) {
    const at = left.findIndex((it) => line.test(it))
    assert.ok(at >= 0, `expected ${line}, found:\n${left.join('\n')}`)
    left.splice(at, 1)
  }
  assert.deepEqual(left, [])
}

test('each fault of a layout is told once', async (t) => {
  await inRun({ threads: 1 }, async (run) => {
    for (const [title, [change, ...told]] of Object.entries(faults)) {
      const layout = new Layout()
      const manifest = manifestIn(layout)
      change(manifest, layout)
      layout.manifests.push(layout.json(manifest, MANIFEST))
      const found = await verifyIn(run, { image: layout.finish() })
      await t.test(title, () => expectLines(lines(found), told))
    }
  })
})

test('an index is verified with all its platforms, and what is about them', async () => {
  const layout = new Layout()
  const platforms = ['amd64', 'arm64'].map((architecture) => ({
    ...layout.json(manifestIn(layout, architecture), MANIFEST),
    platform: { os: 'linux', architecture },
  }))
  const statement = layout.blob(Buffer.from('{"_type":"x"}'), 'application/vnd.in-toto+json')
  const config = {
    architecture: 'unknown',
    os: 'unknown',
    rootfs: { type: 'layers', diff_ids: [statement.digest] },
  }
  const attestation = {
    ...layout.json(
      { schemaVersion: 2, mediaType: MANIFEST, config: layout.json(config, CONFIG), layers: [statement] },
      MANIFEST,
    ),
    platform: { os: 'unknown', architecture: 'unknown' },
  }
  const index = (manifests: object[]): Descriptor =>
    layout.json({ schemaVersion: 2, mediaType: INDEX, manifests }, INDEX)
  layout.manifests.push(index([...platforms, attestation]))
  const good = await verifyImage({ image: layout.finish() })
  assert.deepEqual([lines(good), good.checked.images, good.isValid], [[], 3, true])
  const [amd, arm] = [platforms[0]!, platforms[1]!]
  layout.manifests[0] = index([
    { ...amd, platform: { os: 'linux', architecture: 's390x' } },
    { ...arm, size: arm.size + 1 },
  ])
  layout.manifests.push({ ...amd, digest: digestOf(Buffer.from('nothing')) })
  expectLines(lines(await verifyImage({ image: layout.finish() })), [
    /^manifest sha256:\w+: expected \d+ bytes, found \d+/,
    /^manifest sha256:\w+: expected it to be there/,
    /^manifest sha256:\w+: expected the architecture amd64, as its config says, found s390x in its index/,
  ])
})

test('indexes that name each other end', async () => {
  const layout = new Layout()
  let inner = layout.json({ schemaVersion: 2, mediaType: INDEX, manifests: [] }, INDEX)
  for (let i = 0; i < 10; i++)
    inner = layout.json({ schemaVersion: 2, mediaType: INDEX, manifests: [inner, inner] }, INDEX)
  layout.manifests.push(inner)
  expectLines(lines(await verifyImage({ image: layout.finish() })), [
    /^index sha256:\w+: expected at most \d+ manifests, 4 levels deep/,
  ])
})

test('a docker-archive is what its names say', async () => {
  const path = join(root, 'named.tar')
  const { config, layers } = filesOf(smallImage())
  const hex = digestOf(config).replace('sha256:', '')
  const write = (manifest: object[], ...others: Buffer[]): void =>
    writeFileSync(
      path,
      Buffer.concat([
        ...others,
        block({ name: 'manifest.json', data: JSON.stringify(manifest) }),
        Buffer.alloc(1024),
      ]),
    )
  const layerNames = layers.map((bytes) => `${digestOf(bytes).replace('sha256:', '')}.tar`)
  const members = layers.map((data, i) => block({ name: layerNames[i]!, data }))
  const good = { Config: `${hex}.json`, RepoTags: ['small:1'], Layers: layerNames }
  const document = block({ name: `${hex}.json`, data: config })
  write([good, good], document, ...members)
  assert.deepEqual(lines(await verifyImage({ image: path })), [])
  const other = `${'0'.repeat(64)}.json`
  write(
    [
      { ...good, Config: other, RepoTags: ['UPPER:1'] },
      { ...good, Layers: [...layerNames].reverse() },
      { Config: 'none' },
    ],
    document,
    ...members,
    block({ name: other, data: config }),
    block({ name: 'repositories', data: '{"elsewhere":{"1":"x"}}' }),
  )
  const found = lines(await verifyImage({ image: path }))
  const told = [
    /^: image 3: .*manifest\.json: expected "Config", a string, and "Layers"/,
    /^0{64}\.json: expected the digest of its name, found sha256/,
    ...[1, 2, 3, 4].flatMap((i) => [
      new RegExp(`^image 2, layer ${i} .*: expected the diff ID`),
      new RegExp(`^image 2, layer ${i} .*: expected the digest of its name`),
    ]),
    /^manifest\.json: the tag "UPPER:1" is no NAME:TAG/,
    /^repositories: expected the names of manifest\.json, found elsewhere:1/,
  ]
  expectLines(found, told)
})

test('what is no image, or not there, is an error or a problem', async () => {
  const path = join(root, 'none.tar')
  writeFileSync(path, Buffer.alloc(1024))
  expectLines(lines(await verifyImage({ image: `docker-archive:${path}` })), [
    /expected a member "manifest\.json", found none/,
  ])
  await assert.rejects(verifyImage({ image: `${path}.other.tar` }), { code: 'FILE_UNREADABLE' })
  await assert.rejects(verifyImage({ image: `oci:${root}/nothing` }), { code: 'FILE_UNREADABLE' })
  await assert.rejects(verifyImage({ image: 'docker-daemon:' }), { code: 'DESTINATION_INVALID' })
})

/** Damages one file after the other. @returns how often that was noticed */
async function damage(files: readonly string[], image: string, run: Run, seeds: number): Promise<number> {
  let noticed = 0
  for (const file of files) {
    const bytes = readFileSync(file)
    for (let seed = 1; seed <= seeds; seed++) {
      const damaged = mutate(bytes, seed)
      if (damaged.equals(bytes)) continue
      writeFileSync(file, damaged)
      const found = await verifyIn(run, { image }).catch((error: Error & { code?: string }) => error)
      if (found instanceof Error)
        assert.equal(found.code, 'IMAGE_INVALID', `${file} ${seed}: ${found.message}`)
      else assert.equal(found.isValid, false, `${file} ${seed}`)
      noticed++
    }
    writeFileSync(file, bytes)
  }
  return noticed
}

test('damage of a blob never goes unnoticed', async () => {
  const layout = new Layout()
  layout.manifests.push(layout.json(manifestIn(layout), MANIFEST))
  const image = layout.finish()
  const blobs = readdirSync(join(layout.path, 'blobs/sha256')).map((name) =>
    join(layout.path, 'blobs/sha256', name),
  )
  await inRun({ threads: 1 }, async (run) => {
    assert.ok((await damage(blobs, image, run, 25)) > 120)
    assert.ok((await verifyIn(run, { image })).isValid)
  })
})

test('a damaged docker-archive that is valid is the same image', async () => {
  const path = writeArchive(join(root, 'damaged.tar'), smallImage())
  const bytes = readFileSync(path)
  await inRun({ threads: 1 }, async (run) => {
    const { image } = await openAny(path, run)
    const expected = image.config([]).descriptor.digest
    let valid = 0
    for (let seed = 1; seed <= 200; seed++) {
      writeFileSync(path, mutate(bytes, seed))
      const found = await verifyIn(run, { image: `docker-archive:${path}` })
      if (!found.isValid) continue
      valid++
      const same = await run.openImage(`docker-archive:${path}`)
      assert.equal(same.config([]).descriptor.digest, expected, `${seed}`)
    }
    assert.ok(valid < 100, `${valid}`)
  })
})

test('against a configuration: nothing, or what differs', async () => {
  const { writeConf } = await import('../support/image.js')
  const at = directory()
  const conf = writeConf(at, { repo_tag: 'small:1' }, '{"Env":["A=1"]}')
  const { buildImage } = await import('../../src/index.js')
  const archive = join(at, 'image.tar')
  await buildImage({ conf, destinations: [archive, `oci:${at}/layout`] })
  const copy = directory()
  cpSync(at, copy, { recursive: true })
  for (const image of [archive, `oci:${at}/layout`]) {
    const found = await verifyImage({ image, against: conf })
    assert.deepEqual([found.isValid, lines(found), found.against], [true, [], undefined])
  }
  writeConf(at, { repo_tag: 'small:1' }, '{"Env":["A=2"]}')
  const found = await verifyImage({ image: archive, against: conf })
  assert.deepEqual([found.isValid, lines(found)], [false, []])
  assert.deepEqual(found.against?.config, [{ key: 'config.Env.A', from: '2', to: '1' }])
  const packed = await verifyImage({ image: conf })
  assert.deepEqual([packed.isValid, packed.checked.images], [true, 1])
})

test('an archive of a layout, its blobs packed in it', async () => {
  const path = join(root, 'small.tar')
  await copyImage({
    image: writeArchive(path, smallImage()),
    destinations: [`oci-archive:${root}/packed.tar`],
    compression: { kind: 'zstd' },
  })
  const found = await verifyImage({ image: `oci-archive:${root}/packed.tar` })
  assert.deepEqual([lines(found), found.checked.layers], [[], 4])
})

test('faults are told in the order of the layers, not in that in which their reading ends', async () => {
  const path = join(root, 'order.tar')
  const twice = (bytes: number) => [{ name: 'a', data: Buffer.alloc(bytes) }, { name: 'a' }]
  const sizes = [1, 8 << 20, 3, 4, 5, 6, 7, 8, 9, 10, 11]
  writeTarImage(path, { layers: sizes.map((bytes) => ({ members: twice(bytes) })) })
  const found = lines(await verifyImage({ image: path, threads: 2 }))
  assert.deepEqual(
    found.map((line) => /^layer \d+/.exec(line)?.[0]),
    sizes.map((_, i) => `layer ${i + 1}`),
  )
})

test('an archive that is a layout, too: its blobs are read once, packed or not, and both lists are compared', async () => {
  const layout = new Layout()
  const { config, layers, ...manifest } = manifestIn(layout)
  layout.manifests.push(layout.json({ ...manifest, config, layers }, MANIFEST))
  layout.finish()
  const path = join(root, 'both.tar')
  const verify = (listed: Descriptor[]) => {
    writeLayoutArchive(path, layout.path, [{ config, layers: listed, names: ['small:1'] }])
    return verifyImage({ image: path })
  }
  const found = await verify(layers)
  assert.deepEqual([lines(found), found.checked.images, found.checked.layers], [[], 1, layers.length])
  const [first, second, ...rest] = layers
  const swapped = lines(await verify([first!, rest[0]!, second!, ...rest.slice(1)]))
  expectLines(swapped, [/^layer 2 .*expected the diff ID/, /^layer 3 .*expected the diff ID/])
})
