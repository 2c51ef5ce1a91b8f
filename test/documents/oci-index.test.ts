/** Image indexes that are read, and what a document is. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  documentType,
  EMPTY_INDEX,
  type Index,
  imagesOf,
  parseIndex,
  referencesOf,
} from '../../src/documents/oci-index.js'
import { INDEX_TYPE, MANIFEST_TYPE } from '../../src/documents/oci-manifest.js'
import type { Descriptor } from '../../src/model/descriptor.js'
import { digestOf } from '../../src/model/digest.js'

function entry(id: string): Descriptor {
  return { mediaType: MANIFEST_TYPE, digest: digestOf(Buffer.from(id)), size: 7 }
}

describe('an index that is read', () => {
  const parse = (text: string): Index => parseIndex(Buffer.from(text), 'index.json')

  test('keeps what it has beside entries, and in them', () => {
    const text = `{"schemaVersion":2,"x":[1],"manifests":[{"digest":"sha256:1","size":3,"platform":{"os":"plan9"}}]}`
    assert.deepEqual(parse(text), {
      schemaVersion: 2,
      x: [1],
      manifests: [{ digest: 'sha256:1', size: 3, platform: { os: 'plan9' } }],
    })
    for (const none of ['{}', '{"manifests":null}']) assert.deepEqual(parse(none).manifests, [])
  })

  for (const text of [
    '',
    '[]',
    'null',
    '{"manifests":{}}',
    '{"manifests":[7]}',
    '{"manifests":[{"digest":"x"}]}',
    '{"manifests":[{"digest":"x","size":-1}]}',
    '{"manifests":[{"digest":"x","size":1.5}]}',
    '{"manifests":[{"digest":"x","size":1,"annotations":{"a":1}}]}',
    '['.repeat(65),
  ])
    test(`is refused by name: ${text.slice(0, 60)}`, () => {
      assert.throws(() => parse(text), {
        code: 'IMAGE_INVALID',
        message: /^index\.json: expected an image index, found other content: ./,
      })
    })

  test('names its images, and leaves out digests that are none', () => {
    const odd = { ...entry('d'), digest: 'sha256:../../etc' }
    const untyped = { digest: digestOf(Buffer.from('e')), size: 1 }
    assert.deepEqual(
      imagesOf({ ...EMPTY_INDEX, manifests: [odd, untyped] }).map(({ digest, mediaType }) => [
        digest,
        mediaType,
      ]),
      [[untyped.digest, '']],
    )
  })
})

describe('a document', () => {
  test('refers to config, layers and manifests', () => {
    const [config, layer, below] = [entry('config'), entry('layer'), entry('below')]
    const bytes = (value: object): Buffer => Buffer.from(JSON.stringify(value))
    assert.deepEqual(referencesOf(bytes({ config, layers: [layer] })), {
      blobs: [config, layer],
      manifests: [],
    })
    assert.deepEqual(referencesOf(bytes({ manifests: [below] })), { blobs: [], manifests: [below] })
    for (const none of ['{}', 'null', '{"layers":7}', 'x'])
      assert.deepEqual(referencesOf(Buffer.from(none)), { blobs: [], manifests: [] })
  })

  test('is what it says and what it holds; never both of two', () => {
    const type = (value: unknown, declared?: string): string | undefined =>
      documentType(Buffer.from(JSON.stringify(value)), declared)
    assert.equal(type({ manifests: [] }), INDEX_TYPE)
    assert.equal(type({ layers: [] }), MANIFEST_TYPE)
    assert.equal(type({ config: {}, mediaType: 'x/y' }), 'x/y')
    assert.equal(type({ layers: [] }, 'x/y'), 'x/y')
    assert.equal(type({ layers: [], mediaType: 'x/y' }, 'x/y'), 'x/y')
    for (const none of [{}, [], 7, { config: 'text', layers: [] }]) assert.equal(type(none, 'x/y'), undefined)
    assert.throws(() => type({ layers: [], manifests: [] }), /found both in one/)
    assert.throws(() => type({ layers: [], mediaType: 'a' }, 'b'), /expected the media type b, found a/)
  })
})
