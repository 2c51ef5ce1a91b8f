/** Manifests and indexes of the OCI image specification 1.1; Docker's (manifest version 2, schema 2) are read too. */
import * as v from 'valibot'
import { ImageError } from '../errors.js'
import type { BlobKind } from '../model/compression.js'
import type { Descriptor, Document } from '../model/descriptor.js'
import { type Digest, digestOf, isDigest } from '../model/digest.js'

export const MANIFEST_TYPE = 'application/vnd.oci.image.manifest.v1+json'
export const INDEX_TYPE = 'application/vnd.oci.image.index.v1+json'
/** What a manifest or an index may be. */
export const MANIFEST_TYPES = [
  MANIFEST_TYPE,
  INDEX_TYPE,
  'application/vnd.docker.distribution.manifest.v2+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
]
const CONFIG_TYPE = 'application/vnd.oci.image.config.v1+json'
const LAYER_TYPE: Record<BlobKind, string> = {
  none: 'application/vnd.oci.image.layer.v1.tar',
  gzip: 'application/vnd.oci.image.layer.v1.tar+gzip',
  zstd: 'application/vnd.oci.image.layer.v1.tar+zstd',
}
/** What Docker calls them. */
const DOCKER_LAYER_TYPE = new Map<string, BlobKind>([
  ['application/vnd.docker.image.rootfs.diff.tar', 'none'],
  ['application/vnd.docker.image.rootfs.diff.tar.gzip', 'gzip'],
  ['application/vnd.docker.image.rootfs.diff.tar.zstd', 'zstd'],
])

export function layerType(kind: BlobKind): string {
  return LAYER_TYPE[kind]
}

/** How a layer's blob is compressed; undefined when its media type does not say. */
export function kindOf({ mediaType }: Descriptor): BlobKind | undefined {
  const kinds = Object.keys(LAYER_TYPE) as BlobKind[]
  return kinds.find((kind) => LAYER_TYPE[kind] === mediaType) ?? DOCKER_LAYER_TYPE.get(mediaType)
}

/** @param bytes the image config */
export function configDocument(bytes: Buffer): Document {
  return documentOf(bytes, CONFIG_TYPE)
}

export function manifestDocument(
  config: Descriptor,
  layers: readonly Descriptor[],
  annotations?: Annotations,
): Document {
  const manifest = { schemaVersion: 2, mediaType: MANIFEST_TYPE, config, layers, annotations }
  return documentOf(Buffer.from(JSON.stringify(manifest)), MANIFEST_TYPE)
}

/** Of a manifest or an index (OCI image specification 1.1, "Annotations"). */
export type Annotations = Readonly<Record<string, string>>

export function documentOf(bytes: Buffer, mediaType: string): Document {
  return { descriptor: { mediaType, digest: digestOf(bytes), size: bytes.length }, bytes }
}

const ANNOTATIONS = v.nullish(v.record(v.string(), v.string()))
export const DESCRIPTOR = v.object({
  mediaType: v.string(),
  digest: v.custom<Digest>(isDigest),
  size: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
  annotations: ANNOTATIONS,
})
const MANIFEST = v.object({ config: DESCRIPTOR, layers: v.array(DESCRIPTOR) })

/** What a manifest says of one image. */
export interface Manifest {
  config: Descriptor
  layers: Descriptor[]
}

/** @param name of the image, for the message @throws ImageError IMAGE_INVALID */
export function parseManifest({ bytes }: Document, name: string): Manifest {
  try {
    const { config, layers } = v.parse(MANIFEST, JSON.parse(bytes.toString()))
    return { config: plain(config), layers: layers.map(plain) }
  } catch (error) {
    throw new ImageError('IMAGE_INVALID', `${name}: expected an image manifest, found other content`, {
      cause: error,
    })
  }
}

function plain({ annotations, ...descriptor }: v.InferOutput<typeof DESCRIPTOR>): Descriptor {
  return annotations ? { ...descriptor, annotations } : descriptor
}
