/**
 * The same docker-archive into a file, in one pass: a layer's place follows from the sizes of the layers
 * before it, so workers write all layers at once, each at its place, and take their digests on the way.
 * Headers, which hold the digests, are filled in afterwards.
 */
import type { Emit } from '../events.js'
import { type ContentLayer, produceBlob } from '../image/contents.js'
import { historyPaths } from '../image/layer.js'
import type { BlobCompression } from '../layers/compress.js'
import type { LayerPool } from '../pool/pool.js'
import { encodeHeader, endOfArchiveLength, paddingOf } from '../tar/header.js'
import {
  checkLayerCount,
  type DockerArchive,
  type DockerArchiveResult,
  manifestMembers,
  type WrittenLayer,
} from './docker-archive.js'
import { PartialFile } from './partial-file.js'

/** An image whose layers may be produced in any order. */
export interface ImageContents extends Omit<DockerArchive, 'layers'> {
  layers: readonly ContentLayer[]
}

const PLAIN: BlobCompression = { kind: 'none', level: 0 }

/** Stands for a digest where only its length counts. */
const SOME_DIGEST = '0'.repeat(64)

/**
 * @param path the file appears there, in place of any other, when it is whole
 * @param build.aborted rejects when the build is to stop
 * @throws ImageError of the layers, or OUTPUT_FAILED
 */
export async function writeDockerArchiveFile(
  image: ImageContents,
  path: string,
  { pool, emit, aborted }: { pool: LayerPool; emit: Emit; aborted: Promise<never> },
): Promise<DockerArchiveResult> {
  checkLayerCount(image.layers.length, emit)
  const file = PartialFile.create(path)
  try {
    let end = 0
    const places = (await Promise.all(image.layers.map((layer) => layer.plan()))).map((planned, i) => {
      const header = encodeHeader(planned.member(SOME_DIGEST)).length
      const place = { number: i + 1, layer: image.layers[i]!, planned, at: end, header }
      end += header + planned.size + paddingOf(planned.size)
      return place
    })
    const written: WrittenLayer[] = []
    const largestFirst = places.toSorted((a, b) => b.planned.size - a.planned.size)
    const all = Promise.all(
      largestFirst.map(async ({ number, layer, planned, at, header }) => {
        const blob = await produceBlob(layer, PLAIN, file.path, at + header, pool)
        const { size } = planned
        // As in a stream, a base's layers are called what the base calls them.
        const diffId = planned.diffId ?? blob.diffId
        const member = planned.member(diffId)
        file.write(encodeHeader(member), at)
        written[number - 1] = {
          digest: diffId,
          size,
          name: member.name,
          historyPaths: historyPaths(layer.source),
        }
        emit({ type: 'layer-written', number, source: layer.source, digest: diffId, size })
      }),
    )
    await Promise.race([all, aborted])
    emit({ type: 'manifests-started' })
    const { imageId, members } = manifestMembers(image, written)
    file.write(members, end)
    end += members.length
    // What was never written of the file reads as zeros: padding, and the end of the archive.
    end += endOfArchiveLength(end)
    file.finish(end)
    return { imageId, layers: written.map(({ digest, size }) => ({ digest, size })), bytes: end }
  } catch (error) {
    file.discard()
    throw error
  }
}
