/** The documents of a docker-archive, as CPython's json prints them; and layers in words. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { diffIdsOf, imageJson, manifestJson } from '../../src/documents/image-json.js'
import { MAX_DOCUMENT, parseDocument } from '../../src/documents/json.js'
import { historyPaths, nameOf, untrueLayer } from '../../src/documents/layer-names.js'
import { digestOf } from '../../src/model/digest.js'
import type { LayerSource } from '../../src/model/layer.js'
import type { Json } from '../../src/python/json.js'
import { evaluate, skipWithoutPython } from '../support/python.js'

const diffId = digestOf(Buffer.from('x'))
const SOURCES = {
  store: { kind: 'store', paths: ['/nix/store/a', "/nix/store/it's"] },
  customisation: { kind: 'customisation', directory: '/nix/store/c' },
  base: { kind: 'base', name: 'abc/layer.tar' },
  image: { kind: 'image', name: 'abc/layer.tar' },
} satisfies Record<string, LayerSource>

test('the image config is json.dumps of it, and its digest the image ID', { skip: skipWithoutPython }, () => {
  const created = '1970-01-01T00:00:01+00:00'
  const config: Json = new Map<string, Json>([['Cmd', ['ü', '\u2028']]])
  const layers = [
    { diffId, historyPaths: SOURCES.store.paths },
    { diffId, historyPaths: [] },
  ]
  const { bytes, descriptor } = imageJson({ created, architecture: 'amd64', config, layers })
  const expected = {
    created,
    architecture: 'amd64',
    os: 'linux',
    config: { Cmd: ['ü', '\u2028'] },
    rootfs: { diff_ids: [diffId, diffId], type: 'layers' },
    history: [
      { created, comment: `store paths: ['/nix/store/a', "/nix/store/it's"]` },
      { created, comment: 'store paths: []' },
    ],
  }
  assert.deepEqual(evaluate('json.dumps(x, indent=4)', [expected]), [String(bytes)])
  assert.equal(descriptor.digest, digestOf(bytes))
  assert.deepEqual(diffIdsOf(bytes, 'x'), [diffId, diffId])
})

test('manifest.json names config, tags and layers in their order', { skip: skipWithoutPython }, () => {
  const expected = [{ Config: 'c.json', RepoTags: ['a:b', 'é:c'], Layers: ['2/layer.tar', '1/layer.tar'] }]
  const bytes = manifestJson('c.json', ['a:b', 'é:c'], ['2/layer.tar', '1/layer.tar'])
  assert.deepEqual(evaluate('json.dumps(x, indent=4)', [expected]), [String(bytes)])
})

describe('an image config that is read', () => {
  for (const text of [
    '',
    '{}',
    '{"rootfs":{}}',
    '{"rootfs":{"diff_ids":["x"]}}',
    '{"rootfs":{"diff_ids":{}}}',
  ])
    test(`is refused by name: ${text}`, () => {
      assert.throws(() => diffIdsOf(Buffer.from(text), 'oci:x'), {
        code: 'IMAGE_INVALID',
        message: /^oci:x: expected an image config with "rootfs\.diff_ids"/,
      })
    })
})

describe('JSON of others', () => {
  const nested = (depth: number): Buffer => Buffer.from('['.repeat(depth) + ']'.repeat(depth))

  test('may be nested 64 deep, and no deeper', () => {
    assert.doesNotThrow(() => parseDocument(nested(64)))
    assert.throws(() => parseDocument(nested(65)), /^SyntaxError: nested more than 64 deep/)
    assert.throws(() => parseDocument(Buffer.from('{"a":'.repeat(65) + '1'.padEnd(66, '}'))), SyntaxError)
  })

  test('has no levels in its texts, and as many as it likes beside each other', () => {
    const text = `"${'['.repeat(100)}\\"${'{'.repeat(100)}\\\\"`
    assert.deepEqual(parseDocument(Buffer.from(`[${text}]`)), [JSON.parse(text)])
    const wide = Buffer.from(`[${Array.from({ length: 1000 }, () => '[[]]').join()}]`)
    assert.equal((parseDocument(wide) as unknown[]).length, 1000)
  })

  test('is UTF-8', () => {
    assert.equal(parseDocument(Buffer.from('"é"')), 'é')
    assert.throws(() => parseDocument(Buffer.from([0x22, 0xff, 0x22])))
    assert.ok(MAX_DOCUMENT >= 4 << 20)
  })
})

describe('layers in words', () => {
  test('by what they are made from', () => {
    assert.deepEqual(Object.values(SOURCES).map(nameOf), [
      `layer of ['/nix/store/a', "/nix/store/it's"]`,
      'customisation layer /nix/store/c',
      'base layer abc/layer.tar',
      'layer abc/layer.tar',
    ])
    assert.deepEqual(Object.values(SOURCES).map(historyPaths), [
      SOURCES.store.paths,
      ['/nix/store/c'],
      ['abc/layer.tar'],
      ['abc/layer.tar'],
    ])
  })

  test('that are not what they should be: changed files, or a damaged image', () => {
    const errors = Object.values(SOURCES).map((source) => untrueLayer(source, 'sha256:1', 'sha256:2'))
    assert.deepEqual(
      errors.map(({ code }) => code),
      ['FILE_CHANGED', 'FILE_CHANGED', 'BASE_INVALID', 'IMAGE_INVALID'],
    )
    for (const { message, hint } of errors) {
      assert.match(message, /expected .*sha256:1, found sha256:2$/)
      assert.ok(hint)
    }
  })
})
