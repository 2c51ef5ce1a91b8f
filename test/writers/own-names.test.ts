import assert from 'node:assert/strict'
import { test } from 'node:test'
import { digestOf } from '../../src/model/digest.js'
import { newMember } from '../../src/tar/header.js'
import { expectOwnNames, type NamedLayer } from '../../src/writers/own-names.js'

function layer(name: string, content = 'x'): NamedLayer {
  return { diffId: digestOf(Buffer.from(content)), member: newMember(name, 1, 0) }
}

function link(name: string, type: '1' | '2', linkname: string): NamedLayer {
  return { ...layer(name), member: { ...newMember(name, 0, 0), type, linkname } }
}

const DOCUMENTS = ['config.json', 'manifest.json']

function refused(reason: RegExp, ...layers: NamedLayer[]): void {
  assert.throws(() => expectOwnNames(layers, DOCUMENTS), { code: 'BASE_INVALID', message: reason })
}

test('none takes the place of a document', () => {
  for (const name of [
    'manifest.json',
    './manifest.json',
    '/manifest.json',
    'a/../config.json',
    '../config.json',
  ])
    refused(/layers beside ".*(manifest|config)\.json"/, layer(name))
})

test('two of one name are the same', () => {
  for (const [a, b] of [
    ['a/l', './a//l'],
    ['/a/l', 'a/l'],
    ['a/l', 'b/../a/l'],
  ] as const) {
    refused(/names of their own, found two that are called/, layer(a, '1'), layer(b, '2'))
    expectOwnNames([layer(a), layer(b)], DOCUMENTS)
  }
})

test('a link leads to a layer that is the same', () => {
  expectOwnNames([link('a/l', '2', '../b/l'), layer('b/l'), link('c/l', '1', 'b/l')], DOCUMENTS)
  expectOwnNames([link('a/l', '2', '../c/l'), link('c/l', '2', '../b/l'), layer('b/l')], DOCUMENTS)
  refused(/"a\/l" to lead to a layer .* leads to "a\/..\/b\/l"/, link('a/l', '2', '../b/l'), layer('c/l'))
  refused(/to lead to a layer/, link('a/l', '1', '../b/l'), layer('c/l'))
  refused(/to lead to a layer/, link('a/l', '2', '../b/l'), layer('b/l', 'other'))
})
