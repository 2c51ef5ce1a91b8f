/** The image manifest of the OCI image specification 1.1. */
import { createHash } from 'node:crypto'
import * as v from 'valibot'
import type { CompressionKind } from '../layers/compress.js'
import type { Descriptor, Document } from './descriptor.js'

export const MANIFEST_TYPE = 'application/vnd.oci.image.manifest.v1+json'
const CONFIG_TYPE = 'application/vnd.oci.image.config.v1+json'
const LAYER_TYPE: Record<CompressionKind, string> = {
  none: 'application/vnd.oci.image.layer.v1.tar',
  gzip: 'application/vnd.oci.image.layer.v1.tar+gzip',
  zstd: 'application/vnd.oci.image.layer.v1.tar+zstd',
}

export function layerType(compression: CompressionKind): string {
  return LAYER_TYPE[compression]
}

/** @param bytes the image JSON @param digest its SHA-256 in hex */
export function configDocument(bytes: Buffer, digest: string): Document {
  return { descriptor: { mediaType: CONFIG_TYPE, digest: `sha256:${digest}`, size: bytes.length }, bytes }
}

export function manifestDocument(config: Descriptor, layers: readonly Descriptor[]): Document {
  const manifest = { schemaVersion: 2, mediaType: MANIFEST_TYPE, config, layers }
  const bytes = Buffer.from(JSON.stringify(manifest))
  const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`
  return { descriptor: { mediaType: MANIFEST_TYPE, digest, size: bytes.length }, bytes }
}

const DESCRIPTOR = v.object({
  mediaType: v.string(),
  digest: v.pipe(v.string(), v.regex(/^sha256:[0-9a-f]{64}$/)),
  size: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
  annotations: v.optional(v.record(v.string(), v.string())),
})
const MANIFEST = v.object({ layers: v.array(DESCRIPTOR) })

/** A manifest's layers; none when the bytes are no image manifest. */
export function layersOfManifest(bytes: Buffer | undefined): Descriptor[] {
  try {
    const parsed = v.safeParse(MANIFEST, JSON.parse(bytes?.toString() ?? ''))
    return parsed.success
      ? parsed.output.layers.map(({ annotations, ...layer }) =>
          annotations ? { ...layer, annotations } : layer,
        )
      : []
  } catch {
    return []
  }
}
