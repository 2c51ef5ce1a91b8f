/** Copies of images with what is about them. */
import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { OciArchive } from '../../src/blob-stores/oci-archive.js'
import { OciLayout } from '../../src/blob-stores/oci-layout.js'
import { RegistryStore } from '../../src/blob-stores/registry.js'
import { dryRun } from '../../src/dry-run.js'
import { buildImage, copyImage } from '../../src/index.js'
import type { BlobReader } from '../../src/model/blob-store.js'
import { type Digest, digestOf } from '../../src/model/digest.js'
import { parseReference } from '../../src/registry/reference.js'
import { makeArtifact, putArtifact } from '../blob-stores/suite.js'
import { command, skipWithout } from '../support/clients.js'
import { writeConf } from '../support/image.js'
import { startListingRegistry } from '../support/listing-registry.js'
import { startRegistry } from '../support/registry.js'
import { scratchDirectory } from '../support/scratch.js'

const root = scratchDirectory()
const store = join(root, 'store')
mkdirSync(store)
writeFileSync(join(store, 'file'), 'content')
const conf = writeConf(root, { store_layers: [[store]] })

const stop = new AbortController().signal

function repository(name: string): RegistryStore {
  return new RegistryStore(`docker://${name}`, parseReference(name)!, {}, stop, { firstWait: 1 })
}

interface Source {
  directory: string
  manifest: Digest
  /** What is about the image, and what is about that. */
  artifacts: Digest[]
}

/** A layout with an image whose manifest is as no program of ours writes it, and three artifacts. */
async function makeSource(name: string): Promise<Source> {
  const directory = join(root, name)
  const { manifestDigest } = await buildImage({ conf, destinations: [`oci:${directory}:plain`] })
  const layout = await OciLayout.open('oci:source', directory)
  const plain = (await layout.manifest(manifestDigest))!
  const bytes = Buffer.from(JSON.stringify(JSON.parse(plain.bytes.toString()), undefined, 3))
  const descriptor = { ...plain.descriptor, digest: digestOf(bytes), size: bytes.length }
  await layout.putManifest({ descriptor, bytes }, 'v1')
  const signature = makeArtifact(descriptor, 'signature')
  const about = makeArtifact(signature.manifest.descriptor, 'about the signature')
  const artifacts = [signature, makeArtifact(descriptor, 'sbom'), about]
  for (const artifact of artifacts) await putArtifact(layout, artifact)
  // What is about the other image stays where it is.
  await putArtifact(layout, makeArtifact(plain.descriptor, 'other'))
  await layout.publish()
  await layout.close()
  return {
    directory,
    manifest: descriptor.digest,
    artifacts: artifacts.map(({ manifest }) => manifest.descriptor.digest),
  }
}

async function expectAll(reader: BlobReader, { manifest, artifacts }: Source): Promise<void> {
  const [signature, sbom, about] = artifacts
  const found = async (digest: Digest) => (await reader.referrers(digest)).map((it) => it.digest)
  assert.deepEqual(new Set(await found(manifest)), new Set([signature, sbom]))
  assert.deepEqual(await found(signature!), [about])
  for (const artifact of artifacts) {
    const { layers } = JSON.parse((await reader.manifest(artifact))!.bytes.toString())
    for await (const piece of reader.get(layers[0])) assert.ok(piece.length > 0)
  }
}

test('between layouts, archives and registries, with and without a list of referrers', {
  skip: skipWithout('docker-registry', 'curl', 'skopeo'),
}, async () => {
  const source = await makeSource('source')
  const { host } = await startRegistry(join(root, 'registry'))
  const listing = await startListingRegistry()
  const archive = join(root, 'archive.tar')
  const way = [
    `oci:${source.directory}:v1`,
    `docker://${host}/app:v1`,
    `docker://${listing.host}/app:v1`,
    `oci-archive:${archive}:v1`,
    `oci:${join(root, 'end')}:v1`,
  ]
  for (const [i, destination] of way.slice(1).entries()) {
    const result = await copyImage({ image: way[i]!, destinations: [destination], referrers: true })
    assert.equal(result.manifestDigest, source.manifest)
    const attached = result.destinations?.[0]?.attached
    assert.deepEqual(new Set(attached?.map(({ digest }) => digest)), new Set(source.artifacts))
    assert.ok(attached?.every(({ artifactType }) => artifactType === 'application/vnd.test'))
  }
  for (const name of [`${host}/app`, `${listing.host}/app`]) {
    const opened = repository(name)
    await expectAll(opened, source)
    await opened.close()
  }
  const packed = await OciArchive.read('oci-archive:test', archive)
  await expectAll(packed, source)
  await packed.close()
  await expectAll(await OciLayout.read('oci:end', join(root, 'end')), source)
  // Whoever knows nothing of referrers sees the image alone.
  command('skopeo', ['copy', '--src-tls-verify=false', way[1]!, `dir:${join(root, 'copied')}`])
  for (const name of [way[3]!, way[4]!]) command('skopeo', ['copy', name, `dir:${join(root, 'copied')}`])
  const raw = command('skopeo', ['inspect', '--raw', '--tls-verify=false', way[1]!])
  assert.equal(digestOf(Buffer.from(raw)), source.manifest)
})

test('a second time copies nothing that is there', async () => {
  const source = await makeSource('twice')
  const { host, requests } = await startListingRegistry()
  const copy = { image: `oci:${source.directory}:v1`, destinations: [`docker://${host}/app:v1`] }
  await copyImage({ ...copy, referrers: true })
  requests.length = 0
  await copyImage({ ...copy, referrers: true })
  assert.deepEqual(
    requests.filter((line) => line.startsWith('POST')),
    [],
  )
})

test('without being asked nothing but the image is copied, its manifest as it is', async () => {
  const source = await makeSource('alone')
  const end = join(root, 'alone-end')
  const { manifestDigest, destinations } = await copyImage({
    image: `oci:${source.directory}:v1`,
    destinations: [`oci:${end}:v1`],
  })
  assert.equal(manifestDigest, source.manifest)
  assert.equal(destinations?.[0]?.attached, undefined)
  assert.deepEqual(await (await OciLayout.read('oci:end', end)).referrers(source.manifest), [])
})

test('an image that does not stay as it is, or has no manifest, is an error that says so', async () => {
  const source = await makeSource('changed')
  const image = `oci:${source.directory}:v1`
  const destinations = [`oci:${join(root, 'changed-end')}:v1`]
  const refused = { code: 'OPTION_INVALID', message: /^referrers: expected / }
  for (const change of [{ compression: { kind: 'gzip' } }, { annotations: { a: 'b' } }] as const) {
    const events: string[] = []
    const copy = { image, destinations, referrers: true, ...change }
    await assert.rejects(copyImage({ ...copy, onEvent: ({ type }) => events.push(type) }), refused)
    // No layer was read.
    assert.deepEqual(
      events.filter((type) => type !== 'worked'),
      [],
    )
    await assert.rejects(dryRun(copy), refused)
  }
  const file = join(root, 'image.tar')
  await assert.rejects(copyImage({ image, destinations: [file], referrers: true }), refused)
  await copyImage({ image, destinations: [file] })
  await assert.rejects(copyImage({ image: file, destinations, referrers: true }), refused)
})
