/** The index of a layout: which entry a name means, what becomes of the entries of others. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  findEntry,
  type PutManifest,
  REF_NAME,
  tagsOf,
  withManifests,
} from '../../src/documents/layout-index.js'
import { EMPTY_INDEX, type Index, type IndexEntry } from '../../src/documents/oci-index.js'
import { INDEX_TYPE } from '../../src/documents/oci-manifest.js'
import type { Document } from '../../src/model/descriptor.js'
import { type Digest, digestOf } from '../../src/model/digest.js'

const MANIFEST_TYPE = 'application/vnd.oci.image.manifest.v1+json'
const UNTAGGED = 'stream-layered-image.untagged'
const CONTAINERD = 'io.containerd.image.name'

function entry(id: string, annotations?: Record<string, string>): IndexEntry {
  return {
    mediaType: MANIFEST_TYPE,
    digest: digestOf(Buffer.from(id)),
    size: 7,
    ...(annotations && { annotations }),
  }
}
const named = (id: string, name: string): IndexEntry => entry(id, { [REF_NAME]: name })
const indexOf = (...manifests: IndexEntry[]): Index => ({ ...EMPTY_INDEX, manifests })

function documentOf(value: object, mediaType = MANIFEST_TYPE): Document {
  const bytes = Buffer.from(JSON.stringify(value))
  return { descriptor: { mediaType, digest: digestOf(bytes), size: bytes.length }, bytes }
}
const manifest = (id: string, more: object = {}): Document =>
  documentOf({ config: entry(id), layers: [], ...more })

/** As a store keeps what was put. */
function put(...all: [Document, string?][]): Map<string, PutManifest> {
  return new Map(all.map(([document, tag]) => [tag ?? document.descriptor.digest, { document, tag }]))
}

test('an index names the tags of its images', () => {
  const index = indexOf(named('a', 'one'), entry('b'), named('c', 'x/y:two'))
  assert.deepEqual(tagsOf(index), ['one', 'x/y:two'])
})

describe('the entry that is meant', () => {
  const found = (index: Index, tag?: string): string | undefined => findEntry(index, tag)?.digest
  const digest = (id: string): Digest => digestOf(Buffer.from(id))

  test('by a tag: of that name, else of that whole reference, else the only reference with it', () => {
    const plain = named('plain', 'v1')
    const whole = named('whole', 'docker.io/library/app:v1')
    const containerd = entry('containerd', { [REF_NAME]: 'latest', [CONTAINERD]: 'docker.io/library/app:v2' })
    assert.equal(found(indexOf(whole, plain), 'v1'), digest('plain'))
    assert.equal(found(indexOf(whole), 'v1'), digest('whole'))
    assert.equal(found(indexOf(whole), 'docker.io/library/app:v1'), digest('whole'))
    assert.equal(found(indexOf(containerd), 'docker.io/library/app:v2'), digest('containerd'))
    assert.equal(found(indexOf(whole, named('other', 'b:v1')), 'v1'), undefined)
    for (const none of ['v', '1', 'library/app:v1x', '']) assert.equal(found(indexOf(whole), none), undefined)
  })

  test('by no tag: the only one, else the one that was put without a tag, else the only without a name', () => {
    const untagged = entry('untagged', { [UNTAGGED]: 'true' })
    assert.equal(found(indexOf(named('a', 'x'))), digest('a'))
    assert.equal(found(indexOf(entry('a'), untagged, named('b', 'x'))), digest('untagged'))
    assert.equal(found(indexOf(entry('a'), named('b', 'x'))), digest('a'))
    assert.equal(found(indexOf(entry('a'), entry('b'))), undefined)
    assert.equal(found(indexOf(named('a', 'x'), named('b', 'y'))), undefined)
    assert.equal(found(indexOf()), undefined)
  })
})

describe('manifests that are put', () => {
  test('take the place of those of their tags, and leave all others as they were', () => {
    const other = { ...named('other', 'kept'), platform: { os: 'plan9' } }
    const before = { ...indexOf(named('old', 'v1'), other, entry('nameless')), more: 1 }
    const image = manifest('new')
    const after = withManifests(before, put([image, 'v1']))
    assert.deepEqual(after, {
      ...before,
      manifests: [other, entry('nameless'), { ...image.descriptor, annotations: { [REF_NAME]: 'v1' } }],
    })
  })

  test('without a tag take the place of the last such, and are there once', () => {
    const [one, two] = [manifest('one'), manifest('two')]
    const first = withManifests(EMPTY_INDEX, put([one]))
    assert.deepEqual(first.manifests, [{ ...one.descriptor, annotations: { [UNTAGGED]: 'true' } }])
    const second = withManifests(first, put([two]))
    assert.deepEqual(
      second.manifests.map((it) => it.digest),
      [two.descriptor.digest],
    )
    assert.deepEqual(withManifests(second, put([two])), second)
    const theirs = indexOf({ ...two.descriptor })
    assert.deepEqual(withManifests(theirs, put([two])), theirs)
  })

  test('that an index refers to are found through it', () => {
    const [one, two] = [manifest('one'), manifest('two')]
    const index = documentOf({ manifests: [one.descriptor, two.descriptor] }, INDEX_TYPE)
    assert.deepEqual(withManifests(EMPTY_INDEX, put([one], [two], [index, 'all'])).manifests, [
      { ...index.descriptor, annotations: { [REF_NAME]: 'all' } },
    ])
  })

  test('about another manifest stay beside the image without a tag', () => {
    const image = manifest('image')
    const signature = manifest('signature', { subject: image.descriptor })
    const before = withManifests(EMPTY_INDEX, put([image]))
    const after = withManifests(before, put([signature]))
    assert.deepEqual(after.manifests, [
      ...before.manifests,
      { ...signature.descriptor, artifactType: MANIFEST_TYPE },
    ])
    assert.equal(findEntry(after, undefined)?.digest, image.descriptor.digest)
  })

  test('of one image under several tags are an entry each', () => {
    const image = manifest('image')
    assert.deepEqual(tagsOf(withManifests(EMPTY_INDEX, put([image, 'a'], [image, 'b']))), ['a', 'b'])
  })
})
