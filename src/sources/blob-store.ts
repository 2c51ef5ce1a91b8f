/** The image that a blob store holds: of an OCI image layout, an OCI archive or a registry. */
import { statSync } from 'node:fs'
import { buffer } from 'node:stream/consumers'
import pLimit from 'p-limit'
import { saveBlob } from '../blob-stores/save-blob.js'
import { diffIdKey } from '../cache/layer-keys.js'
import { diffIdsOf } from '../documents/image-json.js'
import { MAX_DOCUMENT } from '../documents/json.js'
import { nameOf } from '../documents/layer-names.js'
import { manifestsOf } from '../documents/oci-index.js'
import { kindOf, type Manifest, parseManifest } from '../documents/oci-manifest.js'
import { checkAborted, ImageError } from '../errors.js'
import { fingerprintOf } from '../layers/fingerprint.js'
import type { BlobReader } from '../model/blob-store.js'
import type { Descriptor, Document } from '../model/descriptor.js'
import { toHex } from '../model/digest.js'
import { type Image, MAX_LAYERS } from '../model/image.js'
import type { Layer, StoredBlob, Summed } from '../model/layer.js'
import { type FileRange, TO_THE_END } from '../model/recipe.js'
import type { Workshop } from '../pool/workshop.js'
import { once } from './once.js'

/** How many layers are on their way beside those that threads work on: they are being fetched. */
const ON_THEIR_WAY = 4

/** Runs what reads a layer when it is its turn. */
type InTurn = <T>(read: () => Promise<T>) => Promise<T>

/**
 * @param reference a tag or a digest; undefined where the store has one image
 * @param names what the image is called
 * @param signal the build's: nothing is begun behind its end
 * @throws ImageError IMAGE_INVALID, and what reading the store fails with
 */
export async function openStoredImage(
  store: BlobReader,
  reference: string | undefined,
  names: readonly string[],
  workshop: Workshop,
  signal: AbortSignal,
): Promise<Image> {
  const { document, manifest } = await imageManifest(store, reference)
  if (manifest.layers.length > MAX_LAYERS)
    throw invalid(store, `at most ${MAX_LAYERS} layers`, `${manifest.layers.length}`)
  const config = await readConfig(store, manifest.config)
  const diffIds = diffIdsOf(config.bytes, store.name)
  if (diffIds.length !== manifest.layers.length)
    throw invalid(store, `a diff ID for each of ${manifest.layers.length} layers`, `${diffIds.length}`)
  const limit = pLimit(workshop.threads + ON_THEIR_WAY)
  const inTurn: InTurn = (read) =>
    limit(() => {
      checkAborted(signal)
      return read()
    })
  const known = new Map<string, Layer>()
  const layers = manifest.layers.map((descriptor, i) => {
    const stored = { store, descriptor, diffId: diffIds[i]!, kind: kindOf(descriptor) }
    const { mediaType, digest, size } = descriptor
    // Equal layers are one, which is read once.
    const key = [mediaType, digest, size, stored.diffId].join(' ')
    const layer = known.get(key) ?? storedLayer(stored, workshop, inTurn)
    known.set(key, layer)
    return layer
  })
  return { layers, names, mtime: 0, stored: { store, manifest: document }, config: () => config }
}

/** The manifest of an image for this machine. */
async function imageManifest(
  store: BlobReader,
  reference: string | undefined,
): Promise<{ document: Document; manifest: Manifest }> {
  const parsed = (document: Document) => ({ document, manifest: parseManifest(document, store.name) })
  const found = await store.manifest(reference)
  if (found === undefined) throw invalid(store, 'an image', 'none of that name')
  const manifests = manifestsOf(found)
  if (manifests === undefined) return parsed(found)
  const fitting = manifests.filter(
    ({ platform }) => platform?.os === 'linux' && platform.architecture === ARCHITECTURE,
  )
  const chosen = manifests.length === 1 ? manifests[0] : fitting[0]
  if (chosen === undefined) {
    const platforms = manifests.map(({ platform }) =>
      platform == null ? 'one of no platform' : `${platform.os}/${platform.architecture}`,
    )
    const all = [...new Set(platforms)].join(', ')
    throw invalid(store, `an image for linux/${ARCHITECTURE}`, all || 'an empty index')
  }
  const document = await store.manifest(chosen.digest)
  if (document === undefined)
    throw invalid(store, `the manifest ${chosen.digest}, as its index says`, 'none, or no manifest')
  if (manifestsOf(document) !== undefined) throw invalid(store, 'an index of images', 'one of indexes')
  return parsed(document)
}

/** As Go names processors, and so image indexes. */
const ARCHITECTURE = { x64: 'amd64', ia32: '386' }[process.arch as string] ?? process.arch

async function readConfig(store: BlobReader, descriptor: Descriptor): Promise<Document> {
  if (descriptor.size > MAX_DOCUMENT)
    throw invalid(store, `a config of at most ${MAX_DOCUMENT} bytes`, `${descriptor.size}`)
  return { descriptor, bytes: await buffer(store.get(descriptor)) }
}

function storedLayer(stored: StoredBlob, workshop: Workshop, inTurn: InTurn): Layer {
  const { diffId } = stored
  const source = { kind: 'image', name: `${toHex(diffId)}/layer.tar` } as const
  const saved = once(() => fileOf(stored, nameOf(source), workshop))
  // How large the archive is, only reading it tells.
  const measure = async (): Promise<Summed> => {
    const packed = await saved()
    const found = await workshop.digest(packed, nameOf(source))
    const recipe = { ...packed, range: { offset: packed.range.offset, size: found.size } }
    return { recipe, size: found.size, diffId: found.diffId, claimed: false, fresh: false }
  }
  const measured = once(() => inTurn(measure))
  return {
    source,
    key: async () => diffIdKey(diffId),
    plan: once(async () => ({ ...(await measured()), diffId, claimed: true })),
    recipe: () => inTurn(saved),
    checksum: measured,
    stored,
  }
}

/** The blob in a file: where it lies, or a temporary one. */
async function fileOf(
  { store, descriptor, kind }: StoredBlob,
  what: string,
  workshop: Workshop,
): Promise<FileRange> {
  if (kind === undefined)
    throw new ImageError(
      'IMAGE_INVALID',
      `${what}: expected an archive, plain or compressed with gzip or zstd, found ${descriptor.mediaType}`,
    )
  const path = await saveBlob(store, descriptor, workshop.makeFile)
  const size = kind === 'none' ? descriptor.size : TO_THE_END
  return {
    kind: 'range',
    path,
    fingerprint: fingerprintOf(statSync(path)),
    compression: kind,
    range: { offset: 0, size },
  }
}

function invalid(store: BlobReader, expected: string, found: string): ImageError {
  return new ImageError('IMAGE_INVALID', `${store.name}: expected ${expected}, found ${found}`)
}
