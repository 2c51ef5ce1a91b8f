/** Referrers where the registry lists them, and where clients have to. */
import assert from 'node:assert/strict'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { OciLayout } from '../../src/blob-stores/oci-layout.js'
import { RegistryStore } from '../../src/blob-stores/registry.js'
import { referrersTag } from '../../src/documents/artifact.js'
import type { Descriptor } from '../../src/model/descriptor.js'
import { parseReference } from '../../src/registry/reference.js'
import { skipWithout } from '../support/clients.js'
import { startListingRegistry } from '../support/listing-registry.js'
import { serve, startProxy, startRegistry } from '../support/registry.js'
import { scratchDirectory } from '../support/scratch.js'
import { blobOf, hasCode, makeArtifact, makeImage, makeIndex, putArtifact, putImage } from './suite.js'

const root = scratchDirectory()
const INDEX = 'application/vnd.oci.image.index.v1+json'
let count = 0

function openRepository(host: string, repository: string): RegistryStore {
  const name = `${host}/${repository}`
  return new RegistryStore(`docker://${name}`, parseReference(name)!, {}, new AbortController().signal, {
    firstWait: 1,
  })
}

const digestsOf = (descriptors: readonly Descriptor[]): Set<string> =>
  new Set(descriptors.map(({ digest }) => digest))

describe('a registry without a list of referrers', {
  skip: skipWithout('docker-registry', 'curl'),
}, async () => {
  const withoutRegistry = skipWithout('docker-registry', 'curl')
  const registry = withoutRegistry ? { host: '' } : await startRegistry(join(root, 'registry'))
  const proxy = await startProxy(registry.host)

  /** A repository with an image. */
  async function start(): Promise<{ repository: string; subject: Descriptor; store: RegistryStore }> {
    const repository = `referrers/repository-${count++}`
    const store = openRepository(proxy.host, repository)
    const image = makeImage([10])
    await putImage(store, image, 'v1')
    await store.publish()
    return { repository, subject: image.manifest.descriptor, store }
  }

  /** The index that clients keep. */
  async function keptIn(repository: string, subject: Descriptor): Promise<{ manifests: Descriptor[] }> {
    const url = `http://${registry.host}/v2/${repository}/manifests/${referrersTag(subject.digest)}`
    const answer = await fetch(url, { headers: { accept: INDEX } })
    assert.equal(answer.headers.get('content-type'), INDEX)
    return (await answer.json()) as { manifests: Descriptor[] }
  }

  test('has an index of them under a tag, with what others wrote into it', async () => {
    const { repository, subject, store } = await start()
    const foreign = makeImage([1])
    await putImage(store, foreign, undefined)
    const entry = { ...foreign.manifest.descriptor, artifactType: 'x/y', urls: ['https://example.org'] }
    const others = { ...JSON.parse(makeIndex([]).bytes.toString()), manifests: [entry], kept: true }
    await store.putManifest(blobOf(Buffer.from(JSON.stringify(others)), INDEX), referrersTag(subject.digest))
    await store.publish()
    const listed = await putArtifact(store, makeArtifact(subject, 'one'))
    await store.publish()
    assert.deepEqual(await keptIn(repository, subject), { ...others, manifests: [entry, listed] })
    assert.deepEqual(digestsOf(await store.referrers(subject.digest)), digestsOf([entry, listed]))
    await store.close()
  })

  test('is asked to put the index only if nobody was faster, and to read it again otherwise', async () => {
    const { subject, store } = await start()
    const conditions: unknown[] = []
    proxy.faults.push({
      when: ({ method, url, headers }) => {
        const isPut = method === 'PUT' && url!.includes('/manifests/sha256-')
        if (isPut) conditions.push(headers['if-none-match'] ?? typeof headers['if-match'])
        return isPut && conditions.length <= 2
      },
      act: (_, response) => response.writeHead(412).end(),
    })
    const first = await putArtifact(store, makeArtifact(subject, 'one'))
    await store.publish()
    const second = await putArtifact(store, makeArtifact(subject, 'two'))
    await store.publish()
    assert.deepEqual(conditions, ['*', '*', '*', 'string'])
    assert.deepEqual(await store.referrers(subject.digest), [first, second])
    proxy.faults.pop()
    await store.close()
  })

  test('whose index others change all the time is an error that says so', async () => {
    const { subject, store } = await start()
    await putArtifact(store, makeArtifact(subject, 'one'))
    const fault = {
      when: ({ method, url }: IncomingMessage) => method === 'PUT' && url!.includes('/manifests/sha256-'),
      act: (_: IncomingMessage, response: ServerResponse) => void response.writeHead(412).end(),
    }
    proxy.faults.push(fault)
    await assert.rejects(store.publish(), hasCode('REGISTRY_FAILED'))
    proxy.faults.splice(proxy.faults.indexOf(fault), 1)
    // What was put is there: the next try has only to list it.
    await store.publish()
    assert.equal((await store.referrers(subject.digest)).length, 1)
    await store.close()
  })

  test('with something else under that tag keeps it', async () => {
    const { subject, store } = await start()
    const image = makeImage([1])
    await putImage(store, image, referrersTag(subject.digest))
    await store.publish()
    await putArtifact(store, makeArtifact(subject, 'one'))
    await assert.rejects(store.publish(), hasCode('IMAGE_INVALID'))
    await assert.rejects(store.referrers(subject.digest), hasCode('IMAGE_INVALID'))
    assert.deepEqual(await store.manifest(referrersTag(subject.digest)), image.manifest)
    await store.close()
  })
})

test('a registry that lists referrers gets no index, and is asked for all pages', async () => {
  const { host, requests } = await startListingRegistry()
  const store = openRepository(host, 'listing')
  const image = makeImage([10])
  await putImage(store, image, 'v1')
  const listed = []
  for (const text of ['1', '2', '3', '4', '5'])
    listed.push(await putArtifact(store, makeArtifact(image.manifest.descriptor, text)))
  await store.publish()
  assert.deepEqual(await store.referrers(image.manifest.descriptor.digest), listed)
  assert.ok(!requests.some((line) => line.includes('manifests/sha256-')))
  assert.equal(requests.filter((line) => line.includes('/referrers/')).length, 3)
  await store.close()
})

test('a list whose pages go in a circle ends', async () => {
  const subject = makeImage([10]).manifest.descriptor
  const pages = ['1', '2'].map((text) => makeArtifact(subject, text).manifest)
  let requests = 0
  const host = await serve((request, response) => {
    if (request.url!.includes('/referrers/')) requests++
    const isSecond = request.url!.endsWith('?page=2')
    const link = `<${request.url!.split('?')[0]}?page=${isSecond ? 1 : 2}>; rel="next"`
    response.writeHead(200, { 'content-type': INDEX, link }).end(makeIndex([pages[isSecond ? 1 : 0]!]).bytes)
  })
  const store = openRepository(host, 'circle')
  const listed = digestsOf(await store.referrers(subject.digest))
  assert.deepEqual(listed, digestsOf(pages.map(({ descriptor }) => descriptor)))
  assert.equal(requests, 3)
  await store.close()
})

test('of several that put referrers at once, where conditions are taken, none is lost', async () => {
  const { host } = await startListingRegistry(false)
  const image = makeImage([10])
  const stores = Array.from({ length: 8 }, () => openRepository(host, 'several'))
  await putImage(stores[0]!, image, 'v1')
  await stores[0]!.publish()
  const listed: Descriptor[] = []
  for (const [i, store] of stores.entries())
    listed.push(await putArtifact(store, makeArtifact(image.manifest.descriptor, `of ${i}`)))
  await Promise.all(stores.map((store) => store.publish()))
  assert.deepEqual(digestsOf(await stores[0]!.referrers(image.manifest.descriptor.digest)), digestsOf(listed))
  for (const store of stores) await store.close()
})

test('in a layout the index of another tool is read too, and no more than is about the image', async () => {
  const directory = join(root, 'layout')
  const store = await OciLayout.open('oci:layout', directory)
  const image = makeImage([10])
  const other = makeImage([10])
  const artifact = makeArtifact(image.manifest.descriptor, 'one')
  await putImage(store, image, 'v1')
  await putImage(store, other, 'v2')
  for (const { descriptor, bytes } of [artifact.blob, artifact.manifest]) await store.put(descriptor, bytes)
  const kept = makeIndex([artifact.manifest, other.manifest])
  await store.putManifest(kept, referrersTag(image.manifest.descriptor.digest))
  await store.publish()
  const found = await store.referrers(image.manifest.descriptor.digest)
  assert.deepEqual(digestsOf(found), digestsOf([artifact.manifest.descriptor]))
  await store.close()
})
