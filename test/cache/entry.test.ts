import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { blobName, decodeEntry, ENTRY_LIMIT, encodeEntry, fitsName } from '../../src/cache/entry.js'
import { diffIdKey } from '../../src/cache/layer-keys.js'
import { fromHex, toHex } from '../../src/model/digest.js'
import type { Blob } from '../../src/model/layer.js'

const [a, b] = [fromHex('a'.repeat(64)), fromHex('b'.repeat(64))]
const plain: Blob = { diffId: a, size: 20480, digest: a, blobSize: 20480 }
const packed: Blob = { diffId: a, size: 20480, digest: b, blobSize: 900 }
const store = `nar-${toHex(b)}-none`
const gzipped = `plan-${toHex(b)}-gzip-4`

test('an entry is read under the name that it was written for, and under no other', () => {
  const text = encodeEntry(store, plain)
  assert.ok(text.length < ENTRY_LIMIT / 2)
  assert.deepEqual(decodeEntry(store, text), plain)
  for (const other of [`nar-${a}-none`, `plan-${b}-none`, gzipped, '', 'nar'])
    assert.equal(decodeEntry(other, text), undefined)
  assert.deepEqual(decodeEntry(gzipped, encodeEntry(gzipped, packed)), packed)
})

test('whatever changes in an entry, it is none', () => {
  const text = encodeEntry(store, plain)
  fc.assert(
    fc.property(fc.nat(text.length - 1), fc.string({ maxLength: 3 }), fc.nat(3), (at, put, cut) => {
      const changed = text.slice(0, at) + put + text.slice(at + cut)
      if (changed !== text) assert.equal(decodeEntry(store, changed), undefined)
    }),
  )
  for (const other of [
    '',
    '\n',
    `${text}${text}`,
    '{}',
    `${a} {}\n`,
    '['.repeat(100_000),
    'x'.repeat(1 << 20),
  ])
    assert.equal(decodeEntry(store, other), undefined)
})

test('what does not fit the name is no entry', () => {
  const diff = blobName(diffIdKey(a), { kind: 'none', level: 0 })
  const diffGzip = blobName(diffIdKey(a), { kind: 'gzip', level: 4 })
  const fits: [string, Blob][] = [
    [store, plain],
    [gzipped, packed],
    [diff, plain],
    [diff, { ...plain, size: 7, blobSize: 7 }],
    [diff, { ...plain, size: 0, blobSize: 0 }],
    [diffGzip, packed],
    // What cannot be compressed grows a little.
    [gzipped, { ...packed, blobSize: 20600 }],
  ]
  for (const [name, blob] of fits) assert.ok(fitsName(name, blob), name)
  const wrong: [string, Blob][] = [
    // A key that is a diff ID has that diff ID.
    [diff, { ...plain, diffId: b, digest: b }],
    [diffGzip, { ...packed, diffId: b, digest: a }],
    // Without compression the blob is the archive.
    [store, { ...plain, digest: b }],
    [store, { ...plain, blobSize: 900 }],
    // Compressed it is another, of a size that a compressor can give.
    [gzipped, { ...packed, digest: a }],
    [gzipped, { ...packed, blobSize: 0 }],
    [gzipped, { ...packed, blobSize: 1e9 }],
    // Store layers are whole records.
    [store, { ...plain, size: 20481, blobSize: 20481 }],
    [store, { ...plain, size: 0, blobSize: 0 }],
    ['other', plain],
    [`diff-${a}-xz-6`, packed],
    [`${store}\n`, plain],
  ]
  for (const [name, blob] of wrong) {
    assert.ok(!fitsName(name, blob), `${name} ${JSON.stringify(blob)}`)
    assert.equal(decodeEntry(name, encodeEntry(name, blob)), undefined)
  }
  const values = [
    { size: -1 },
    { size: 1.5 },
    { size: '20480' },
    { diffId: a.toUpperCase() },
    { digest: '../..' },
  ]
  for (const value of values) {
    const blob = { ...plain, ...value } as Blob
    assert.equal(decodeEntry(store, encodeEntry(store, blob)), undefined, JSON.stringify(value))
  }
})
