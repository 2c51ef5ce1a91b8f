/**
 * Docker's manifests and lists (image manifest version 2, schema 2), for registries that take no others: the same words
 * as those of OCI, by other media types.
 */
import type { Document } from '../model/descriptor.js'
import { documentOf } from './oci-manifest.js'

const TYPES = new Map([
  ['application/vnd.oci.image.manifest.v1+json', 'application/vnd.docker.distribution.manifest.v2+json'],
  ['application/vnd.oci.image.index.v1+json', 'application/vnd.docker.distribution.manifest.list.v2+json'],
  ['application/vnd.oci.image.config.v1+json', 'application/vnd.docker.container.image.v1+json'],
  ['application/vnd.oci.image.layer.v1.tar', 'application/vnd.docker.image.rootfs.diff.tar'],
  ['application/vnd.oci.image.layer.v1.tar+gzip', 'application/vnd.docker.image.rootfs.diff.tar.gzip'],
  ['application/vnd.oci.image.layer.v1.tar+zstd', 'application/vnd.docker.image.rootfs.diff.tar.zstd'],
])

/** @param document a manifest or an index of OCI @returns undefined for what is one of Docker's already */
export function asDockers({ descriptor, bytes }: Document): Document | undefined {
  const mediaType = TYPES.get(descriptor.mediaType)
  if (mediaType === undefined) return undefined
  const translate = (key: string, value: unknown): unknown =>
    key === 'mediaType' && typeof value === 'string' ? (TYPES.get(value) ?? value) : value
  const text = JSON.stringify(JSON.parse(bytes.toString()), translate)
  return documentOf(Buffer.from(text), mediaType)
}
