/**
 * A docker-archive into a file, in one pass: where a layer lies follows from the sizes of the layers before it, so
 * workers write all layers at once, each at its offset, and take their digests on the way. Headers, which hold the
 * digests, are filled in afterwards.
 */
import { nameOf, untrueLayer } from '../documents/layer-names.js'
import { PartialFile } from '../files/partial-file.js'
import { PLAIN } from '../model/compression.js'
import type { AtOffsets } from '../model/destination.js'
import { type Digest, fromHex } from '../model/digest.js'
import type { Image } from '../model/image.js'
import type { Layer, Plan } from '../model/layer.js'
import type { LayerResult } from '../results.js'
import { encodeHeader, endOfArchiveLength, paddingOf } from '../tar/header.js'
import { checkLayerCount, layerMember, manifestMembers } from './docker-archive.js'
import type { NamedLayer } from './own-names.js'
import type { AtDestination, Finished, WriteContext } from './written.js'

/** Stands for a digest where only its length counts. */
const SOME_DIGEST = fromHex('0'.repeat(64))

/**
 * The file appears in place of any other when it is published.
 * @throws ImageError of the layers, or OUTPUT_FAILED
 */
export async function writeAtOffsets(
  image: Image,
  destination: AtOffsets,
  context: WriteContext,
): Promise<Finished> {
  const { emit } = context
  checkLayerCount(image, emit)
  const planned = { shape: destination.shape, destinations: [destination.name], isRemote: false }
  emit({ type: 'image-planned', ...planned, layers: image.layers.length })
  const file = PartialFile.create(destination.path)
  try {
    const { layers, end } = placed(image, await Promise.all(image.layers.map((layer) => layer.plan())))
    for (const { number, layer, plan } of layers)
      emit({ type: 'layer-planned', number, source: layer.source, size: plan.size })
    const written: LayerResult[] = []
    const named: NamedLayer[] = []
    await Promise.all(
      layers
        .toSorted((a, b) => b.plan.size - a.plan.size)
        .map(async (placed) => {
          const { number, layer, plan, header } = placed
          const diffId = await writeLayer(placed, file, context)
          const member = layerMember(plan, diffId, image)
          file.write(encodeHeader(member), header)
          named[number - 1] = { diffId, member }
          const { source } = layer
          written[number - 1] = { source, diffId, size: plan.size }
          emit({ type: 'layer-written', number, source, digest: diffId, size: plan.size })
        }),
    )
    emit({ type: 'manifests-started' })
    const { imageId, bytes } = manifestMembers(image, named)
    file.write(bytes, end)
    // What was never written of the file reads as zeros: padding, and the end of the archive.
    const size = end + bytes.length + endOfArchiveLength(end + bytes.length)
    await file.finish(size)
    return {
      imageId,
      layers: written,
      bytes: size,
      outcomes: new Map([[destination, { result: { bytes: size }, layers: written.map(writtenLayer) }]]),
      publish: () => file.publish(),
      discard: () => file.discard(),
    }
  } catch (error) {
    file.discard()
    throw error
  }
}

function writtenLayer({ diffId, size = 0 }: LayerResult): AtDestination['layers'][number] {
  return { outcome: 'written', digest: diffId, size }
}

interface PlacedLayer {
  /** From 1. */
  number: number
  layer: Layer
  plan: Plan
  /** Offsets in the archive, in bytes. */
  header: number
  data: number
}

function placed(image: Image, plans: readonly Plan[]): { layers: PlacedLayer[]; end: number } {
  let end = 0
  const layers = plans.map((plan, i) => {
    const member = layerMember(plan, SOME_DIGEST, image)
    const header = end
    const data = header + encodeHeader(member).length
    end = data + member.size + paddingOf(member.size)
    return { number: i + 1, layer: image.layers[i]!, plan, header, data }
  })
  return { layers, end }
}

/** @returns the diff ID of what was written, which is the one that the plan says, if it says one */
async function writeLayer(
  { number, layer, plan, data }: PlacedLayer,
  file: PartialFile,
  { workshop, memory, passes, underWay }: WriteContext,
): Promise<Digest> {
  // A base's layer may be a link to another member, which has no data of its own.
  if (plan.member !== undefined && plan.member.size < plan.size) return (await passes.compare(layer)).diffId
  const isNew = memory.isOn && layer.source.kind === 'store'
  const { recipe, size } = plan
  const { source } = layer
  const task = { recipe, size, compression: PLAIN, file: file.path, offset: data, nar: isNew }
  const blob = await underWay.counted({ number, source, step: 'making', total: size, size }, (counter) =>
    workshop.blob({ ...task, counter }, nameOf(source)),
  )
  if (plan.diffId !== undefined && blob.diffId !== plan.diffId)
    throw untrueLayer(layer.source, plan.diffId, blob.diffId)
  if (isNew) await memory.remember(layer, PLAIN, blob)
  return blob.diffId
}
