/** What every blob store does, whatever it is made of. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { artifactDocument, EMPTY_CONFIG } from '../../src/documents/artifact.js'
import { ImageError } from '../../src/errors.js'
import type { BlobReader, BlobStore } from '../../src/model/blob-store.js'
import type { Descriptor, Document } from '../../src/model/descriptor.js'
import { digestOf } from '../../src/model/digest.js'
import { scratchDirectory } from '../support/scratch.js'

/** One place that stores can be opened at, again and again; new and empty at first. */
export interface Place {
  /** Opens it to write. */
  open(signal?: AbortSignal): Promise<BlobStore>
  /** Opens it to read what was published. */
  read(signal?: AbortSignal): Promise<BlobReader & { close(): Promise<void> }>
  /** Changes a byte of a blob behind the store's back; undefined where that cannot be done. */
  damage(blob: Descriptor): void
}

export interface Traits {
  /** Whether what was published before is still there when a store is opened to write. */
  keeps: boolean
  /** Whether images need no tag. */
  tagless: boolean
  /** Why it cannot be tried here. */
  skip?: string | false
}

const MANIFEST = 'application/vnd.oci.image.manifest.v1+json'
const INDEX = 'application/vnd.oci.image.index.v1+json'
const CONFIG = 'application/vnd.oci.image.config.v1+json'
const LAYER = 'application/vnd.oci.image.layer.v1.tar'

export interface Blob {
  descriptor: Descriptor
  bytes: Buffer
}

export function blobOf(bytes: Buffer, mediaType = LAYER): Blob {
  return { descriptor: { mediaType, digest: digestOf(bytes), size: bytes.length }, bytes }
}

export interface TestImage {
  config: Blob
  layers: Blob[]
  manifest: Document
}

/** An image of its own, whose layers hold no real archives. */
export function makeImage(layerSizes: readonly number[] = [1000, 300_000]): TestImage {
  const config = blobOf(
    Buffer.from(JSON.stringify({ os: 'linux', id: randomBytes(8).toString('hex') })),
    CONFIG,
  )
  const layers = layerSizes.map((size) => blobOf(randomBytes(size)))
  const named = { config: config.descriptor, layers: layers.map(({ descriptor }) => descriptor) }
  const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: MANIFEST, ...named }))
  return { config, layers, manifest: blobOf(bytes, MANIFEST) }
}

/** A manifest of one blob that is about another. */
export function makeArtifact(subject: Descriptor, content: string): { blob: Blob; manifest: Document } {
  const blob = blobOf(Buffer.from(content), 'text/plain')
  const annotations = { content }
  const manifest = artifactDocument('application/vnd.test', blob.descriptor, subject, annotations)
  return { blob, manifest }
}

/** Puts an artifact with its blobs; nothing is published. @returns how it is listed */
export async function putArtifact(
  store: BlobStore,
  { blob, manifest }: { blob: Blob; manifest: Document },
): Promise<Descriptor> {
  await store.put(EMPTY_CONFIG.descriptor, EMPTY_CONFIG.bytes)
  await store.put(blob.descriptor, blob.bytes)
  await store.putManifest(manifest, undefined)
  return {
    ...manifest.descriptor,
    artifactType: 'application/vnd.test',
    annotations: { content: blob.bytes.toString() },
  }
}

export function makeIndex(manifests: readonly Document[]): Document {
  const named = manifests.map(({ descriptor }) => descriptor)
  return blobOf(Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: INDEX, manifests: named })), INDEX)
}

/** Puts blobs and manifest; nothing is published. */
export async function putImage(store: BlobStore, image: TestImage, tag: string | undefined): Promise<void> {
  for (const { descriptor, bytes } of [image.config, ...image.layers]) await store.put(descriptor, bytes)
  await store.putManifest(image.manifest, tag)
}

export async function bytesOf(pieces: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = []
  for await (const piece of pieces) all.push(piece)
  return Buffer.concat(all)
}

export function hasCode(code: string): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof ImageError, String(error))
    assert.equal(error.code, code, error.message)
    return true
  }
}

/** @param newPlace makes a new place each time */
export function blobStoreSuite(
  kind: string,
  newPlace: () => Promise<Place>,
  { keeps, tagless, skip = false }: Traits,
): void {
  const scratch = scratchDirectory()

  /** Opens, works, publishes, closes. */
  async function publish(place: Place, work: (store: BlobStore) => Promise<void>): Promise<void> {
    const store = await place.open()
    try {
      await work(store)
      await store.publish()
    } finally {
      await store.close()
    }
  }

  async function reading<T>(place: Place, look: (reader: BlobReader) => Promise<T>): Promise<T> {
    const reader = await place.read()
    try {
      return await look(reader)
    } finally {
      await reader.close()
    }
  }

  describe(`${kind} as a blob store`, { skip }, () => {
    test('what was put by bytes and by file is there, and comes back as it was', async () => {
      const place = await newPlace()
      const image = makeImage()
      await publish(place, async (store) => {
        const [bytes, file] = image.layers as [Blob, Blob]
        assert.equal(await store.has(bytes.descriptor), false)
        await store.put(bytes.descriptor, bytes.bytes)
        const path = join(scratch, file.descriptor.digest)
        writeFileSync(path, file.bytes)
        await store.put(file.descriptor, path)
        await store.put(image.config.descriptor, image.config.bytes)
        for (const blob of [bytes, file]) {
          assert.equal(await store.has(blob.descriptor), true)
          assert.deepEqual(await bytesOf(store.get(blob.descriptor)), blob.bytes)
        }
        await store.putManifest(image.manifest, 'v1')
      })
      await reading(place, async (reader) => {
        for (const { descriptor, bytes } of [image.config, ...image.layers])
          assert.deepEqual(await bytesOf(reader.get(descriptor)), bytes)
      })
    })

    test('an empty blob is a blob', async () => {
      const store = await (await newPlace()).open()
      const empty = blobOf(Buffer.alloc(0))
      await store.put(empty.descriptor, empty.bytes)
      assert.equal(await store.has(empty.descriptor), true)
      assert.equal((await bytesOf(store.get(empty.descriptor))).length, 0)
      await store.close()
    })

    test('a manifest is found by tag and by digest, with its media type', async () => {
      const place = await newPlace()
      const image = makeImage()
      await publish(place, (store) => putImage(store, image, 'v1'))
      await reading(place, async (reader) => {
        for (const reference of ['v1', image.manifest.descriptor.digest])
          assert.deepEqual(await reader.manifest(reference), image.manifest)
        assert.equal(await reader.manifest('v2'), undefined)
        assert.equal(await reader.manifest(digestOf(Buffer.from('none'))), undefined)
      })
    })

    test('several images are put in one run, under tags and without', async () => {
      const place = await newPlace()
      const [one, two, none] = [makeImage(), makeImage(), makeImage()]
      await publish(place, async (store) => {
        await putImage(store, one, 'one')
        await putImage(store, two, 'two')
        await store.putManifest(two.manifest, 'latest')
        await putImage(store, none, undefined)
      })
      await reading(place, async (reader) => {
        assert.deepEqual(await reader.manifest('one'), one.manifest)
        assert.deepEqual(await reader.manifest('two'), two.manifest)
        assert.deepEqual(await reader.manifest('latest'), two.manifest)
        assert.deepEqual(await reader.manifest(none.manifest.descriptor.digest), none.manifest)
      })
    })

    test('an index leads to its manifests', async () => {
      const place = await newPlace()
      const images = [makeImage(), makeImage()]
      const index = makeIndex(images.map(({ manifest }) => manifest))
      await publish(place, async (store) => {
        for (const image of images) await putImage(store, image, undefined)
        await store.putManifest(index, 'all')
      })
      await reading(place, async (reader) => {
        assert.deepEqual(await reader.manifest('all'), index)
        for (const { manifest, layers } of images) {
          assert.deepEqual(await reader.manifest(manifest.descriptor.digest), manifest)
          assert.deepEqual(await bytesOf(reader.get(layers[1]!.descriptor)), layers[1]!.bytes)
        }
      })
    })

    test('a manifest about another is among its referrers, with its type and annotations', async () => {
      const place = await newPlace()
      const [image, other] = [makeImage(), makeImage()]
      const [one, two] = ['one', 'two'].map((text) => makeArtifact(image.manifest.descriptor, text))
      const about = makeArtifact(one!.manifest.descriptor, 'three')
      const expected: Descriptor[] = []
      await publish(place, async (store) => {
        await putImage(store, other, 'other')
        await putImage(store, image, 'v1')
        expected.push(await putArtifact(store, one!), await putArtifact(store, two!))
        // The same once more is the same.
        await putArtifact(store, one!)
        await putArtifact(store, about)
      })
      await reading(place, async (reader) => {
        const found = await reader.referrers(image.manifest.descriptor.digest)
        const byDigest = (a: Descriptor, b: Descriptor): number => (a.digest < b.digest ? -1 : 1)
        assert.deepEqual(found.toSorted(byDigest), expected.toSorted(byDigest))
        const [again] = await reader.referrers(one!.manifest.descriptor.digest)
        assert.equal(again?.digest, about.manifest.descriptor.digest)
        assert.deepEqual(await reader.manifest(about.manifest.descriptor.digest), about.manifest)
        assert.deepEqual(await bytesOf(reader.get(one!.blob.descriptor)), one!.blob.bytes)
        for (const { manifest } of [other, about])
          assert.deepEqual(await reader.referrers(manifest.descriptor.digest), [])
        assert.deepEqual(await reader.referrers(digestOf(Buffer.from('none'))), [])
        assert.deepEqual(await reader.manifest('v1'), image.manifest)
      })
    })

    test('referrers that are there stay when others are put', async () => {
      const place = await newPlace()
      const image = makeImage()
      const artifacts = ['one', 'two', 'three'].map((text) => makeArtifact(image.manifest.descriptor, text))
      await publish(place, async (store) => {
        await putImage(store, image, 'v1')
        await putArtifact(store, artifacts[0]!)
      })
      const stores = [await place.open(), await place.open()]
      for (const [i, store] of stores.entries()) {
        await putImage(store, image, 'v1')
        await putArtifact(store, artifacts[i + 1]!)
      }
      for (const store of stores) {
        await store.publish()
        await store.close()
      }
      const kept = keeps ? artifacts : artifacts.slice(2)
      await reading(place, async (reader) => {
        const found = await reader.referrers(image.manifest.descriptor.digest)
        assert.deepEqual(
          new Set(found.map(({ digest }) => digest)),
          new Set(kept.map(({ manifest }) => manifest.descriptor.digest)),
        )
      })
    })

    test('the only image needs no tag, whatever is attached to it', async () => {
      const place = await newPlace()
      const image = makeImage()
      await publish(place, async (store) => {
        await putImage(store, image, tagless ? undefined : 'none')
        await putArtifact(store, makeArtifact(image.manifest.descriptor, 'one'))
      })
      await reading(place, async (reader) => {
        assert.deepEqual(await reader.manifest(undefined), image.manifest)
      })
    })

    test('tags appear when they are published, the last of one name stays', async () => {
      const place = await newPlace()
      const [first, second] = [makeImage(), makeImage()]
      const store = await place.open()
      await putImage(store, first, 'v1')
      assert.equal(await store.manifest('v1'), undefined)
      await store.putManifest(first.manifest, 'v2')
      await putImage(store, second, 'v1')
      await store.finish?.()
      await store.publish()
      assert.deepEqual(await store.manifest('v1'), second.manifest)
      await putImage(store, first, 'v3')
      await store.publish()
      await store.close()
      await reading(place, async (reader) => {
        assert.deepEqual(await reader.manifest('v1'), second.manifest)
        assert.deepEqual(await reader.manifest('v2'), first.manifest)
        assert.deepEqual(await reader.manifest('v3'), first.manifest)
      })
    })

    test('what was not published does not appear', async () => {
      const place = await newPlace()
      const [before, after] = [makeImage(), makeImage()]
      await publish(place, (store) => putImage(store, before, 'v1'))
      const store = await place.open()
      await putImage(store, after, 'v1')
      await store.putManifest(after.manifest, 'v2')
      await store.finish?.()
      await store.close()
      await reading(place, async (reader) => {
        assert.deepEqual(await reader.manifest('v1'), before.manifest)
        assert.equal(await reader.manifest('v2'), undefined)
      })
    })

    test('a tag that is published again means the new image', async () => {
      const place = await newPlace()
      const [before, other, after] = [makeImage(), makeImage(), makeImage()]
      await publish(place, async (store) => {
        await putImage(store, before, 'v1')
        await putImage(store, other, 'other')
      })
      await publish(place, (store) => putImage(store, after, 'v1'))
      await reading(place, async (reader) => {
        assert.deepEqual(await reader.manifest('v1'), after.manifest)
        assert.deepEqual(await reader.manifest('other'), keeps ? other.manifest : undefined)
      })
    })

    test('bytes that are not those of the digest are refused', async () => {
      const place = await newPlace()
      const store = await place.open()
      const { descriptor, bytes } = blobOf(randomBytes(70_000))
      const wrong = Buffer.from(bytes)
      wrong[69_999]! ^= 1
      const path = join(scratch, 'wrong')
      for (const content of [wrong, bytes.subarray(1)]) {
        writeFileSync(path, content)
        await assert.rejects(store.put(descriptor, content), ImageError)
        await assert.rejects(store.put(descriptor, path), ImageError)
        assert.equal(await store.has(descriptor), false)
      }
      const image = makeImage()
      await assert.rejects(
        store.putManifest({ ...image.manifest, bytes: Buffer.from('{}') }, 'v1'),
        ImageError,
      )
      await store.close()
    })

    test('of content that is longer than the blob, no byte but the blob’s own comes to lie there', async () => {
      const path = join(scratch, 'longer')
      for (const from of ['bytes', 'file']) {
        const store = await (await newPlace()).open()
        const { descriptor, bytes } = blobOf(randomBytes(70_000))
        const content = Buffer.concat([bytes, bytes])
        writeFileSync(path, content)
        const putting = store.put(descriptor, from === 'bytes' ? content : path)
        await putting.catch((error) => assert.ok(error instanceof ImageError, String(error)))
        if (await store.has(descriptor)) assert.ok(bytes.equals(await bytesOf(store.get(descriptor))))
        else await assert.rejects(putting)
        await store.close()
      }
    })

    test('a blob that is not there is an error, a mount that cannot be is none', async () => {
      const store = await (await newPlace()).open()
      const { descriptor } = blobOf(randomBytes(10))
      assert.equal(await store.has(descriptor), false)
      assert.equal(await store.mount(descriptor), false)
      await assert.rejects(bytesOf(store.get(descriptor)), ImageError)
      await store.close()
    })

    test('blobs are put at once by several', async () => {
      const place = await newPlace()
      const image = makeImage([1, 50_000, 100_000, 200_000])
      await publish(place, async (store) => {
        const twice = [image.config, ...image.layers, ...image.layers]
        await Promise.all(twice.map(({ descriptor, bytes }) => store.put(descriptor, bytes)))
        await store.putManifest(image.manifest, 'v1')
      })
      await reading(place, async (reader) => {
        for (const { descriptor, bytes } of image.layers)
          assert.deepEqual(await bytesOf(reader.get(descriptor)), bytes)
      })
    })

    test('an aborted store does nothing more', async () => {
      const place = await newPlace()
      const image = makeImage()
      await publish(place, (store) => putImage(store, image, 'v1'))
      const stop = new AbortController()
      const store = await place.open(stop.signal)
      const reader = await place.read(stop.signal)
      stop.abort()
      const { descriptor, bytes } = blobOf(randomBytes(10))
      const refused = hasCode('ABORTED')
      await assert.rejects(store.has(descriptor), refused)
      await assert.rejects(store.mount(descriptor), refused)
      await assert.rejects(store.put(descriptor, bytes), refused)
      await assert.rejects(store.putManifest(image.manifest, 'v2'), refused)
      await assert.rejects(store.publish(), refused)
      await assert.rejects(bytesOf(reader.get(image.layers[0]!.descriptor)), refused)
      await assert.rejects(reader.manifest('v1'), refused)
      await assert.rejects(reader.referrers(image.manifest.descriptor.digest), refused)
      await store.close()
      await reader.close()
      await assert.rejects(place.open(AbortSignal.abort()), refused)
      assert.deepEqual(await reading(place, (again) => again.manifest('v1')), image.manifest)
    })

    test('a damaged blob or manifest is an error before its last piece', async () => {
      const place = await newPlace()
      const image = makeImage([600_000])
      const [{ descriptor }] = image.layers as [Blob]
      await publish(place, (store) => putImage(store, image, 'v1'))
      place.damage(descriptor)
      place.damage(image.manifest.descriptor)
      await reading(place, async (reader) => {
        let length = 0
        const read = async (): Promise<void> => {
          for await (const piece of reader.get(descriptor)) length += piece.length
        }
        await assert.rejects(read, hasCode('IMAGE_INVALID'))
        assert.ok(length < descriptor.size)
        await assert.rejects(reader.manifest('v1'), hasCode('IMAGE_INVALID'))
      })
    })

    test('a manifest beyond 4 MiB is refused', async () => {
      const store = await (await newPlace()).open()
      const text = JSON.stringify({
        schemaVersion: 2,
        mediaType: MANIFEST,
        layers: [],
        x: 'x'.repeat(4 << 20),
      })
      await assert.rejects(
        store.putManifest(blobOf(Buffer.from(text), MANIFEST), 'v1'),
        hasCode('IMAGE_INVALID'),
      )
      await store.close()
    })
  })
}
