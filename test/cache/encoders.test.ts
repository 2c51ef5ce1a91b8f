/** Blobs of two encoders differ under one digest of the archive: none is taken for the other's. */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { DigestCache } from '../../src/cache/digest-cache.js'
import { blobName, decodeEntry, encodeEntry, isBlobName } from '../../src/cache/entry.js'
import { KnownLayers } from '../../src/cache/known-layers.js'
import { encodeLayerFile } from '../../src/cache/layer-file.js'
import { narKey } from '../../src/cache/layer-keys.js'
import { LayerMemory } from '../../src/cache/layer-memory.js'
import { MemoryStore } from '../../src/cache/memory-store.js'
import type { BlobStore } from '../../src/model/blob-store.js'
import { encoderName, PLAIN, WASM_ZSTD } from '../../src/model/compression.js'
import type { ByDigest } from '../../src/model/destination.js'
import { fromHex } from '../../src/model/digest.js'
import type { Blob, Layer } from '../../src/model/layer.js'
import { describe as described, PreviousBlobs } from '../../src/writers/previous-blobs.js'
import { scratchDirectory } from '../support/scratch.js'

const GZIP = { kind: 'gzip', level: 4 } as const
const ZSTD = { kind: 'zstd', level: 3 } as const
const owner = { mtime: 1, uid: 0n, gid: 0n, uname: 'root', gname: 'root' }
const path = '/nix/store/a'
const hash = `sha256:${'0'.repeat(52)}`
const hashes = new Map([[path, hash]])
const key = narKey([path], hashes, owner)!
const blob: Blob = {
  diffId: fromHex('a'.repeat(64)),
  size: 20480,
  digest: fromHex('b'.repeat(64)),
  blobSize: 900,
}
const plain = { ...blob, digest: blob.diffId, blobSize: blob.size }
const unused = (): never => assert.fail('it is not asked for')
const layer: Layer = {
  source: { kind: 'store', paths: [path] },
  key: async () => key,
  plan: unused,
  recipe: unused,
  checksum: unused,
}

/** What a machine with another zlib would do. */
async function elsewhere<T>(run: () => T | Promise<T>): Promise<T> {
  const arch = Object.getOwnPropertyDescriptor(process, 'arch')!
  Object.defineProperty(process, 'arch', { ...arch, value: 'other' })
  try {
    return await run()
  } finally {
    Object.defineProperty(process, 'arch', arch)
  }
}

test('names of compressed blobs differ by encoder, those of archives do not', async () => {
  const names = [PLAIN, GZIP, ZSTD].map((compression) => blobName(key, compression))
  assert.equal(names[0], `${key.text}-none`)
  assert.equal(names[1], `${key.text}-gzip-4-${encoderName('gzip')}`)
  assert.equal(names[2], `${key.text}-zstd-3-${encoderName('zstd')}`)
  for (const name of names) assert.ok(isBlobName(name), name)
  const others = await elsewhere(() => [PLAIN, GZIP].map((compression) => blobName(key, compression)))
  assert.equal(others[0], names[0])
  assert.notEqual(others[1], names[1])
  const text = encodeEntry(others[1]!, blob)
  assert.deepEqual(decodeEntry(others[1]!, text), blob)
  assert.equal(decodeEntry(names[1]!, text), undefined)
})

test('the zstd that is installed is the one that names say', () => {
  const read = (file: string): { version?: string; dependencies?: Record<string, string> } =>
    JSON.parse(readFileSync(file, 'utf8'))
  assert.equal(read('node_modules/@bokuweb/zstd-wasm/package.json').version, WASM_ZSTD)
  assert.equal(read('package.json').dependencies?.['@bokuweb/zstd-wasm'], WASM_ZSTD)
})

test('what the cache remembers of another encoder is not recalled', async () => {
  const memory = new LayerMemory(new DigestCache(new MemoryStore(), unused))
  const made = { ...blob, narHashes: [hash] }
  await elsewhere(() => memory.remember(layer, GZIP, made))
  assert.equal(await memory.recall(layer, GZIP), undefined)
  await memory.remember(layer, GZIP, made)
  assert.deepEqual(await memory.recall(layer, GZIP), blob)
  await elsewhere(() => memory.remember(layer, PLAIN, { ...plain, narHashes: [hash] }))
  assert.deepEqual(await memory.recall(layer, PLAIN), plain)
})

test('what an image says of another encoder is not believed', async () => {
  const find = async (compression: typeof GZIP | typeof PLAIN, of: Blob, there: boolean) => {
    const describe = () => described(of, key, compression)
    const descriptor = there ? await elsewhere(describe) : describe()
    const destination: ByDigest = {
      shape: 'by-digest',
      name: 'there',
      store: {} as BlobStore,
      tags: [],
      compression: compression.kind,
      previous: async () => [{ name: 'image', layers: [descriptor] }],
      isRemote: false,
    }
    return (await PreviousBlobs.of([destination], unused)).find(layer, compression)
  }
  assert.equal(await find(GZIP, blob, true), undefined)
  assert.deepEqual(await find(GZIP, blob, false), blob)
  assert.deepEqual(await find(PLAIN, plain, true), plain)
})

test('of a layer file of another encoder only the archive is known, and one is told once', async () => {
  const root = scratchDirectory()
  const write = (encoder: string | undefined): string => {
    const file = join(root, `${encoder}.json`)
    const { diffId, size, digest, blobSize } = blob
    const compressed = { file: 'blob', compression: GZIP, encoder, digest, size: blobSize }
    writeFileSync(
      file,
      encodeLayerFile({ paths: [path], narHashes: [hash], owner, diffId, size, blob: compressed }),
    )
    return file
  }
  for (const [encoder, said] of [
    [encoderName('gzip'), []],
    ['zlib-0-other', ['zlib-0-other']],
    [undefined, ['an earlier version']],
  ] as const) {
    const warnings: string[] = []
    const known = new KnownLayers([write(encoder)], [[path]], owner, hashes, (text) => warnings.push(text))
    assert.deepEqual(known.find(key, PLAIN), plain)
    assert.equal(known.find(key, ZSTD), undefined)
    for (const _ of [1, 2]) assert.deepEqual(known.find(key, GZIP), said.length === 0 ? blob : undefined)
    if (said.length > 0) assert.equal(known.blobFile(key, GZIP), undefined)
    assert.deepEqual(
      warnings.map(
        (text) => /its blob was compressed by (.*), zlib-.* is used here; it is made anew$/.exec(text)?.[1],
      ),
      [...said],
    )
  }
})
