/** An image whose blobs can be had one by one, made when somebody asks for them: its layers as they are, or packed. */
import { createHash } from 'node:crypto'
import { nameOf } from '../documents/layer-names.js'
import { layerType, manifestDocument } from '../documents/oci-manifest.js'
import { handled } from '../errors.js'
import type { Document } from '../model/descriptor.js'
import { type Digest, fromHex } from '../model/digest.js'
import type { Image } from '../model/image.js'
import type { Layer } from '../model/layer.js'
import { SLICE_BYTES, type Slices } from '../pool/workshop.js'
import type { ServedBlob, ServedImage } from '../server/served-image.js'
import type { WriteContext } from './written.js'

type OfferContext = Pick<WriteContext, 'workshop' | 'passes' | 'verify'>

/** A layer as a blob. */
export interface OfferedLayer extends ServedBlob {
  diffId: Digest
  /** Bytes of its archive. */
  size: number
}

export interface OfferedImage extends ServedImage {
  imageId: Digest
  /** In the image's order. */
  layers: readonly OfferedLayer[]
}

/**
 * Has all layers' digests computed or recalled.
 * @param packed makes compressed blobs of them; undefined: they are offered as they are, and stored nowhere
 * @param onOffered told of each layer, by its index, when its digest is known
 * @throws ImageError of the layers
 */
export async function offerImage(
  image: Image,
  context: OfferContext,
  packed?: { offer(layer: Layer): Promise<OfferedLayer> },
  onOffered: (i: number, layer: OfferedLayer) => void = () => {},
): Promise<OfferedImage> {
  const offer = async (layer: Layer, i: number): Promise<OfferedLayer> => {
    const offered = await (packed === undefined ? offerPlain(layer, context) : packed.offer(layer))
    onOffered(i, offered)
    return offered
  }
  const layers = await Promise.all(image.layers.map(offer))
  const config = image.config(layers.map(({ diffId }) => diffId))
  const manifest = manifestDocument(
    config.descriptor,
    layers.map(({ descriptor }) => descriptor),
  )
  return {
    imageId: config.descriptor.digest,
    manifest,
    blobs: blobsOf([documentBlob(config), ...layers]),
    layers,
  }
}

/** The same image; `watch` gives a layer's bytes as they are to be given, by its index. */
export function watched(
  image: OfferedImage,
  watch: (i: number, bytes: ServedBlob['bytes']) => ServedBlob['bytes'],
): OfferedImage {
  const layers = image.layers.map((layer, i) => ({ ...layer, bytes: watch(i, layer.bytes) }))
  return { ...image, layers, blobs: blobsOf([...image.blobs.values(), ...layers]) }
}

/** Of several of the same digest the last one counts. */
function blobsOf(blobs: readonly ServedBlob[]): Map<Digest, ServedBlob> {
  return new Map(blobs.map((blob) => [blob.descriptor.digest, blob]))
}

async function offerPlain(layer: Layer, { workshop, passes, verify }: OfferContext): Promise<OfferedLayer> {
  const recalled = await passes.recall(layer)
  if (recalled !== undefined && verify)
    await passes.prove(layer, recalled, (await layer.checksum(false)).diffId)
  // Most clients have it already, so that one that is known is planned when somebody takes it.
  const passing = recalled ?? (await passes.of(layer))
  const { diffId, size } = passing
  const descriptor = { mediaType: layerType('none'), digest: diffId, size }
  let isProven = false
  const bytes = async function* (start: number, end: number): AsyncGenerator<Uint8Array> {
    const passed = 'plan' in passing ? await passing.plan() : passing
    const pieces = sliced(workshop.slices(passed.recipe, nameOf(layer.source)), start, end)
    // What somebody claims is compared until it was true once; a fresh file's change may not show in its times.
    const isOpen = verify || passed.fresh || (!isProven && (passed.claimed || passed.isUnproven))
    const isCompared = isOpen && start === 0 && end === size
    yield* isCompared ? compared(pieces, (found) => passes.prove(layer, passed, found)) : pieces
    if (isCompared) isProven = true
  }
  return { diffId, size, descriptor, bytes }
}

function documentBlob({ descriptor, bytes }: Document): ServedBlob {
  return {
    descriptor,
    async *bytes(start, end) {
      yield bytes.subarray(start, end)
    },
  }
}

/** The bytes from `start` up to `end`: while a slice is sent, a thread makes the next one. */
export async function* sliced(slices: Slices, start: number, end: number): AsyncGenerator<Uint8Array> {
  const next = (at: number): Promise<Uint8Array> => handled(slices.at(at, Math.min(SLICE_BYTES, end - at)))
  try {
    let making = next(start)
    for (let at = start; at < end; ) {
      const slice = await making
      at += slice.length
      if (at < end) making = next(at)
      // Nothing tells when the last one was sent: others may be given its place at once.
      yield at < end ? slice : Buffer.from(slice)
    }
  } finally {
    slices.close()
  }
}

/** The pieces; the last one is given when all of them have the digest, which then may be remembered. */
async function* compared(
  pieces: AsyncIterable<Uint8Array>,
  prove: (found: Digest) => Promise<void>,
): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256')
  let last: Uint8Array | undefined
  for await (const piece of pieces) {
    if (last !== undefined) yield last
    hash.update(piece)
    last = piece
  }
  await prove(fromHex(hash.digest('hex')))
  if (last !== undefined) yield last
}
