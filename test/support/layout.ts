/** Image layouts of layers that are made by hand. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import type { Descriptor } from '../../src/model/descriptor.js'
import { digestOf, toHex } from '../../src/model/digest.js'
import { block } from './raw-tar.js'

/** An archive of one small file. @param i whose name it has */
export function archiveOf(i: number): Buffer {
  return Buffer.concat([block({ name: `f${i}`, data: 'x' }), Buffer.alloc(1024)])
}

export interface WrittenLayout {
  /** `oci:DIRECTORY` */
  name: string
  /** All blobs: layers, config and manifest. */
  blobs: Descriptor[]
}

/** A layout of gzipped layers. @param archives the same buffer again is the same layer */
export function writeLayout(directory: string, archives: readonly Buffer[]): WrittenLayout {
  mkdirSync(join(directory, 'blobs', 'sha256'), { recursive: true })
  const blobs: Descriptor[] = []
  const put = (bytes: Buffer, mediaType: string): Descriptor => {
    const blob = { mediaType, digest: digestOf(bytes), size: bytes.length }
    writeFileSync(join(directory, 'blobs', 'sha256', toHex(blob.digest)), bytes)
    blobs.push(blob)
    return blob
  }
  const written = new Map<Buffer, Descriptor>()
  const layers = archives.map((archive) => {
    const known = written.get(archive)
    if (known !== undefined) return known
    const layer = put(gzipSync(archive), 'application/vnd.oci.image.layer.v1.tar+gzip')
    written.set(archive, layer)
    return layer
  })
  const diffIds = new Map([...written.keys()].map((archive) => [archive, digestOf(archive)]))
  const rootfs = { type: 'layers', diff_ids: archives.map((archive) => diffIds.get(archive)) }
  const image = Buffer.from(JSON.stringify({ architecture: 'amd64', os: 'linux', config: {}, rootfs }))
  const config = put(image, 'application/vnd.oci.image.config.v1+json')
  const manifest = Buffer.from(JSON.stringify({ schemaVersion: 2, config, layers }))
  const manifests = [put(manifest, 'application/vnd.oci.image.manifest.v1+json')]
  writeFileSync(join(directory, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests }))
  writeFileSync(join(directory, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}')
  return { name: `oci:${directory}`, blobs }
}
