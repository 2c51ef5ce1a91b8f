import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import {
  configDocument,
  documentOf,
  INDEX_TYPE,
  layerType,
  manifestDocument,
} from '../../src/documents/oci-manifest.js'
import type { BlobReader } from '../../src/model/blob-store.js'
import { digestOf } from '../../src/model/digest.js'
import { LayerPool } from '../../src/pool/pool.js'
import { Workshop } from '../../src/pool/workshop.js'
import { openStoredImage } from '../../src/sources/blob-store.js'
import { scratchDirectory } from '../support/scratch.js'

const root = scratchDirectory()

test('layers are read few at a time, equal ones once, and none when the build is over', async () => {
  const digests = Array.from({ length: 50 }, (_, i) => digestOf(Buffer.from(`${i >> 1}`)))
  const config = configDocument(
    Buffer.from(JSON.stringify({ rootfs: { type: 'layers', diff_ids: digests } })),
  )
  const mediaType = layerType('none')
  const manifest = manifestDocument(
    config.descriptor,
    digests.map((digest) => ({ mediaType, digest, size: 2 })),
  )
  const end = new AbortController()
  const over = new Promise<never>((_, reject) => {
    end.signal.addEventListener('abort', () => reject(new Error('the build is over')))
  })
  over.catch(() => {})
  const store: BlobReader = {
    referrers: async () => [],
    name: 'store',
    manifest: async () => manifest,
    async *get({ digest }) {
      if (digest === config.descriptor.digest) yield config.bytes
      else await over
    },
  }
  const pool = new LayerPool(1, end.signal)
  let files = 0
  const workshop = new Workshop(pool, 1, () => {
    const path = join(root, String(++files))
    writeFileSync(path, '')
    return path
  })
  const { layers } = await openStoredImage(store, undefined, [], workshop, end.signal)
  assert.equal(new Set(layers).size, 25)
  const passes = layers.map((layer) => layer.checksum(false))
  // All that may begin has begun by then.
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(files, 5)
  end.abort()
  for (const result of await Promise.allSettled(passes)) assert.equal(result.status, 'rejected')
  assert.equal(files, 5)
  await pool.close()
})

test('an index is told of that names no image for this machine, nothing that is there, or indexes', async () => {
  const index = (...manifests: object[]) =>
    documentOf(Buffer.from(JSON.stringify({ schemaVersion: 2, manifests })), INDEX_TYPE)
  const inner = index()
  const { mediaType, digest, size } = inner.descriptor
  const entry = { mediaType, digest, size }
  const platform = { os: 'plan9', architecture: 'mips' }
  const refused = async (outer: typeof inner, found: typeof inner | undefined): Promise<string> => {
    const store: BlobReader = {
      referrers: async () => [],
      name: 'store',
      manifest: async (reference) => (reference === undefined ? outer : found),
      get: () => assert.fail('no blob is read'),
    }
    const { signal } = new AbortController()
    const pool = new LayerPool(1, signal)
    const opening = openStoredImage(store, undefined, [], new Workshop(pool, 1, () => ''), signal)
    const { message } = await opening.then(
      () => assert.fail('opened'),
      (error: Error) => error,
    )
    await pool.close()
    return message
  }
  assert.match(await refused(index(entry, entry), inner), /for linux\/\w+, found one of no platform$/)
  assert.match(
    await refused(index({ ...entry, platform }, entry), inner),
    /found plan9\/mips, one of no platform$/,
  )
  assert.match(await refused(index(), inner), /found an empty index$/)
  assert.match(await refused(index(entry), inner), /expected an index of images, found one of indexes$/)
  assert.match(
    await refused(index(entry), undefined),
    /expected the manifest sha256:\w+, as its index says, found none/,
  )
})
