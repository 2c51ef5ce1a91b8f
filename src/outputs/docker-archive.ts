/**
 * The image as `docker load` reads it: one tar archive that holds each layer's archive, then the image JSON
 * and the manifest, in the reference's very bytes.
 */
import { ImageError } from '../errors.js'
import type { Emit } from '../events.js'
import { imageJson, manifestJson } from '../image/image-json.js'
import { historyPaths, type Layer } from '../image/layer.js'
import type { Json } from '../python/json.js'
import { BLOCK, encodeHeader, endOfArchiveLength, newMember, paddingOf } from '../tar/header.js'
import type { ByteOutput } from './byte-output.js'

/** What overlay file systems, and so Docker, can stack. */
const MAX_LAYERS = 127

/** An image as this destination needs it. */
export interface DockerArchive {
  layers: readonly Layer[]
  created: string
  architecture: string
  config: Json
  repoTag: string
  /** Of the archive's own members, in seconds since the epoch. */
  mtime: number
}

/** What was written. */
export interface DockerArchiveResult {
  /** SHA-256 of the image JSON in hex. */
  imageId: string
  layers: { digest: string; size: number }[]
  /** Size of the whole archive. */
  bytes: number
}

/** @throws ImageError of the layers or the output; the archive is then without its end */
export async function writeDockerArchive(
  image: DockerArchive,
  output: ByteOutput,
  emit: Emit,
): Promise<DockerArchiveResult> {
  let bytes = 0
  const write = (chunk: Uint8Array): void | Promise<void> => {
    bytes += chunk.length
    emit({ type: 'bytes', total: bytes })
    return output.write(chunk)
  }
  const pad = (count: number): void | Promise<void> => (count === 0 ? undefined : write(Buffer.alloc(count)))
  /** A reader may leave at the two zero blocks: it has the image, and what is left is padding. */
  const endArchive = async (): Promise<void> => {
    const length = endOfArchiveLength(bytes)
    await pad(2 * BLOCK)
    try {
      await pad(length - 2 * BLOCK)
    } catch (error) {
      if (!(error instanceof ImageError && error.code === 'OUTPUT_CLOSED')) throw error
    }
  }

  checkLayerCount(image.layers.length, emit)
  const written: WrittenLayer[] = []
  for (const layer of image.layers) {
    const number = written.length + 1
    emit({ type: 'layer-started', number, source: layer.source })
    const { digest, size, member } = await layer.info
    await write(encodeHeader(member))
    await layer.stream(write)
    await pad(paddingOf(member.size))
    written.push({ digest, size, name: member.name, historyPaths: historyPaths(layer.source) })
    emit({ type: 'layer-streamed', number, source: layer.source, digest, size })
  }

  emit({ type: 'manifests-started' })
  const { imageId, members } = manifestMembers(image, written)
  await write(members)
  await endArchive()
  await output.end()
  return { imageId, layers: written.map(({ digest, size }) => ({ digest, size })), bytes }
}

/** What the manifests say of a layer. */
export interface WrittenLayer {
  digest: string
  size: number
  /** Its member's name. */
  name: string
  historyPaths: readonly string[]
}

/** The image JSON and the manifest: the members behind the layers. */
export function manifestMembers(
  image: Omit<DockerArchive, 'layers'>,
  layers: readonly WrittenLayer[],
): { imageId: string; members: Buffer } {
  const { created, architecture, config, repoTag, mtime } = image
  const document = imageJson({ created, architecture, config, layers })
  const configName = `${document.digest}.json`
  const manifest = manifestJson(
    configName,
    repoTag,
    layers.map(({ name }) => name),
  )
  const file = (name: string, content: Buffer): Buffer[] => [
    encodeHeader(newMember(name, content.length, mtime)),
    content,
    Buffer.alloc(paddingOf(content.length)),
  ]
  const members = Buffer.concat([...file(configName, document.bytes), ...file('manifest.json', manifest)])
  return { imageId: document.digest, members }
}

/** Warns when an image has more layers than clients take. */
export function checkLayerCount(count: number, emit: Emit): void {
  if (count > MAX_LAYERS) emit({ type: 'warning', message: tooMany(count) })
}

function tooMany(count: number): string {
  return `the image has ${count} layers; Docker and overlay file systems take at most ${MAX_LAYERS}`
}
