/**
 * The image as `docker load` reads it: one tar archive that holds each layer's archive, then the image JSON
 * and the manifest, in the reference's very bytes.
 */
import type { Emit } from '../events.js'
import { imageJson, manifestJson } from '../image/image-json.js'
import { historyPaths, type Layer } from '../image/layer.js'
import type { Json } from '../python/json.js'
import { encodeHeader, endOfArchiveLength, newMember, paddingOf } from '../tar/header.js'
import type { ByteOutput } from './byte-output.js'

export interface DockerArchive {
  layers: readonly Layer[]
  created: string
  architecture: string
  config: Json
  repoTag: string
  /** Of the archive's own members, in seconds since the epoch. */
  mtime: number
}

export interface DockerArchiveResult {
  /** SHA-256 of the image JSON in hex. */
  imageId: string
  layers: { digest: string; size: number }[]
  /** Size of the whole archive. */
  bytes: number
}

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
  const addFile = async (name: string, content: Buffer): Promise<void> => {
    await write(encodeHeader(newMember(name, content.length, image.mtime)))
    await write(content)
    await pad(paddingOf(content.length))
  }

  const written: { digest: string; size: number; name: string; historyPaths: readonly string[] }[] = []
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
  const { created, architecture, config } = image
  const document = imageJson({ created, architecture, config, layers: written })
  const configName = `${document.digest}.json`
  await addFile(configName, document.bytes)
  await addFile(
    'manifest.json',
    manifestJson(
      configName,
      image.repoTag,
      written.map((layer) => layer.name),
    ),
  )
  await pad(endOfArchiveLength(bytes))
  await output.end()
  return { imageId: document.digest, layers: written.map(({ digest, size }) => ({ digest, size })), bytes }
}
