/** Manifests: what is written byte for byte, and what of others' is read. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { EMPTY_INDEX_DOCUMENT, manifestsOf } from '../../src/documents/oci-index.js'
import {
  configDocument,
  kindOf,
  layerType,
  manifestDocument,
  parseManifest,
} from '../../src/documents/oci-manifest.js'
import type { BlobKind } from '../../src/model/compression.js'
import type { Descriptor, Document } from '../../src/model/descriptor.js'
import { digestOf } from '../../src/model/digest.js'

const LAYER = 'application/vnd.oci.image.layer.v1.tar'
const digest = digestOf(Buffer.from('x'))
const blob = (mediaType: string): Descriptor => ({ mediaType, digest, size: 1 })

function documentOf(value: unknown): Document {
  const bytes = Buffer.from(typeof value === 'string' ? value : JSON.stringify(value))
  return { descriptor: { mediaType: '', digest: digestOf(bytes), size: bytes.length }, bytes }
}

test('a manifest is this text, and its descriptor that of its bytes', () => {
  const config = configDocument(Buffer.from('{}'))
  assert.deepEqual(config.descriptor, {
    mediaType: 'application/vnd.oci.image.config.v1+json',
    digest: digestOf(Buffer.from('{}')),
    size: 2,
  })
  const { bytes, descriptor } = manifestDocument(config.descriptor, [blob(LAYER)])
  assert.equal(
    String(bytes),
    '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json",' +
      `"config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"${config.descriptor.digest}","size":2},` +
      `"layers":[{"mediaType":"${LAYER}","digest":"${digest}","size":1}]}`,
  )
  assert.deepEqual(descriptor, {
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    digest: digestOf(bytes),
    size: bytes.length,
  })
})

test('what is written is what is read', () => {
  const config = configDocument(Buffer.from('{}')).descriptor
  const layers = [blob(LAYER), { ...blob(`${LAYER}+gzip`), annotations: { a: 'b' } }]
  assert.deepEqual(parseManifest(manifestDocument(config, layers), 'x'), { config, layers })
})

describe('compression', () => {
  for (const kind of ['none', 'gzip', 'zstd'] as const) {
    const suffix = { none: '', gzip: '.gzip', zstd: '.zstd' }[kind]
    test(`${kind}: by the media types of OCI and of Docker`, () => {
      assert.equal(kindOf(blob(layerType(kind))), kind)
      assert.equal(kindOf(blob(`application/vnd.docker.image.rootfs.diff.tar${suffix}`)), kind)
    })
  }
  test('of other media types is not guessed', () => {
    const others = ['', `${LAYER}+xz`, 'constructor', `${LAYER} `, 'application/octet-stream']
    assert.deepEqual(
      others.map((it): BlobKind | undefined => kindOf(blob(it))),
      others.map(() => undefined),
    )
  })
})

describe('of others', () => {
  test('null annotations are none, unknown keys are left out', () => {
    const layer = { ...blob(LAYER), annotations: null, urls: ['http://example.org'] }
    const found = parseManifest(documentOf({ config: blob('c'), layers: [layer], x: 1 }), 'x')
    assert.deepEqual(found, { config: blob('c'), layers: [blob(LAYER)] })
  })

  for (const value of [
    'no JSON',
    {},
    [],
    { config: blob('c') },
    { layers: [] },
    { config: { ...blob('c'), digest: 'sha256:short' }, layers: [] },
    { config: { ...blob('c'), size: 2 ** 60 }, layers: [] },
    { config: blob('c'), layers: [{ ...blob(LAYER), size: -1 }] },
    { config: blob('c'), layers: [{ ...blob(LAYER), annotations: { a: 1 } }] },
  ])
    test(`refused by name: ${JSON.stringify(value).slice(0, 70)}`, () => {
      assert.throws(() => parseManifest(documentOf(value), 'oci:x'), {
        code: 'IMAGE_INVALID',
        message: 'oci:x: expected an image manifest, found other content',
      })
    })

  test('an index has manifests, with their platforms; what is none has none', () => {
    const platform = { os: 'linux', architecture: 'arm64' }
    assert.deepEqual(manifestsOf(documentOf({ manifests: [{ ...blob('m'), platform }] })), [
      { ...blob('m'), platform },
    ])
    assert.deepEqual(manifestsOf(documentOf({ manifests: null })), [])
    assert.deepEqual(manifestsOf(EMPTY_INDEX_DOCUMENT), [])
    for (const none of [{ layers: [] }, [], null, { manifests: [{}] }])
      assert.equal(manifestsOf(documentOf(none)), undefined)
  })
})
