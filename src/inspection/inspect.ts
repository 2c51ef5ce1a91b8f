/** The facts of an image, from wherever it is. Layers that have to be downloaded are read only when that is asked for. */
import type { LayerMemory } from '../cache/layer-memory.js'
import { layerType } from '../documents/oci-manifest.js'
import type { LargeFile } from '../layers/large-files.js'
import { DEFAULT_COMPRESSION } from '../model/compression.js'
import type { Descriptor } from '../model/descriptor.js'
import type { Digest } from '../model/digest.js'
import type { Image } from '../model/image.js'
import type { Layer } from '../model/layer.js'
import type { Workshop } from '../pool/workshop.js'
import type { AnyImage } from '../sources/any.js'
import type { ChecksumPasses } from '../writers/checksum-passes.js'
import { entriesOfLayers, readConfig } from './config.js'
import { type ContentsContext, contentsOf, isIn } from './contents.js'
import type { BlobFacts, HistoryEntry, ImageFacts, LayerFacts, SharedFacts } from './facts.js'
import { LayerReader } from './layer-reader.js'
import { repeatedFiles } from './repeated-files.js'
import { sumsOf, totalsOf } from './totals.js'

/** What an image is looked at with. */
interface InspectContext {
  workshop: Workshop
  memory: LayerMemory
  passes: ChecksumPasses
  /** Whether layers are downloaded to be read. */
  deep: boolean
  /** Whether store paths get digests where they are read, and the sums of directories below them. */
  detailed?: boolean
}

/** @param name as people name it @throws ImageError of its layers, IMAGE_INVALID */
export async function inspect(
  name: string,
  { image, storeDir }: AnyImage,
  context: InspectContext,
): Promise<ImageFacts> {
  const diffIds = await diffIdsOf(image, context.passes)
  const { descriptor, bytes } = image.config(diffIds)
  const { history, ...config } = readConfig(bytes, name)
  const entries = entriesOfLayers(history, image.layers.length)
  const reading: ContentsContext = {
    reader: new LayerReader(context.workshop, storeDir, context.detailed),
    deep: context.deep,
    planOf: (layer) => context.passes.of(layer),
  }
  const read = await Promise.all(
    image.layers.map((layer, i) => {
      const asked = { number: i + 1, layer, diffId: diffIds[i]!, entry: entries[i] }
      return layerFacts(asked, storeDir, reading, context.memory)
    }),
  )
  const layers = read.map(({ facts }) => facts)
  const files = context.detailed ? repeatedFiles(read.map((it) => it.files)) : undefined
  return {
    image: name,
    names: image.names,
    imageId: descriptor.digest,
    ...(image.stored && { manifest: blobOf(image.stored.manifest.descriptor) }),
    ...config,
    storeDir,
    layers,
    totals: totalsOf(layers),
    history,
    ...(files === undefined ? {} : { repeatedFiles: files }),
  }
}

/** What an image has in common with another, which is not read for it where its diff IDs are known. */
export async function sharedWith(
  facts: ImageFacts,
  name: string,
  other: Image,
  passes: ChecksumPasses,
): Promise<SharedFacts> {
  const diffIds = await diffIdsOf(other, passes)
  const all = new Set(diffIds)
  const shared = facts.layers.filter(({ diffId }) => all.has(diffId))
  const imageId = other.config(diffIds).descriptor.digest
  const numbers = shared.map(({ number }) => number)
  return { image: name, imageId, of: diffIds.length, layers: shared.length, numbers, ...sumsOf(shared) }
}

function diffIdsOf({ layers }: Image, passes: ChecksumPasses): Promise<Digest[]> {
  return Promise.all(layers.map(async (layer) => layer.stored?.diffId ?? (await passes.of(layer)).diffId))
}

/** A layer with what is known of it already. */
interface Asked {
  number: number
  layer: Layer
  diffId: Digest
  entry: HistoryEntry | undefined
}

async function layerFacts(
  { number, layer, diffId, entry }: Asked,
  storeDir: string,
  context: ContentsContext,
  memory: LayerMemory,
): Promise<{ facts: LayerFacts; files?: readonly LargeFile[] | undefined }> {
  const blob = await blobFacts(layer, memory)
  const { groups, files, ...read } = await contentsOf(layer, diffId, entry, context)
  const isStorePath = isIn(storeDir)
  const facts = {
    number,
    diffId,
    source: layer.source,
    ...read,
    ...(blob === undefined ? {} : { blob }),
    storePaths: groups.filter(isStorePath),
    others: groups.filter((group) => !isStorePath(group)),
    ...(entry === undefined ? {} : { history: entry }),
  }
  return { facts, files }
}

/** The layer's blob: where it is one, or as registries get it by default, when that is remembered. */
async function blobFacts(layer: Layer, memory: LayerMemory): Promise<BlobFacts | undefined> {
  if (layer.stored !== undefined) return blobOf(layer.stored.descriptor)
  const known = await memory.recall(layer, DEFAULT_COMPRESSION.gzip)
  return known && { mediaType: layerType('gzip'), digest: known.digest, size: known.blobSize }
}

function blobOf({ mediaType, digest, size }: Descriptor): BlobFacts {
  return { mediaType, digest, size }
}
