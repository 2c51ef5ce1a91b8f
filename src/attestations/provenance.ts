/**
 * How an image was made: an in-toto Statement (v1) with SLSA's provenance (v1) as its predicate, the same bytes for the
 * same build. https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md, https://slsa.dev/spec/v1.0/provenance
 */
import type { Annotations } from '../documents/oci-manifest.js'
import type { BlobCompression } from '../model/compression.js'
import { type Digest, toHex } from '../model/digest.js'
import type { LayerSource } from '../model/layer.js'
import { VERSION } from '../version.js'
import type { Contents } from './contents.js'
import { purlOf } from './purl.js'

export const PROVENANCE_TYPE = 'application/vnd.in-toto+json'
export const PREDICATE_TYPE = 'https://slsa.dev/provenance/v1'

/** The package that this is, and where in it the parameters are told. */
const BUILDER = 'pkg:npm/stream-layered-image'
const BUILD_TYPE = `${BUILDER}#docs/attestations.md`

/** What decides an image beside the store. */
interface BuildParameters {
  /** Of the configuration. */
  configuration: Digest
  repoTags: readonly string[]
  compression: BlobCompression | undefined
  annotations: Annotations | undefined
}

interface Resource {
  name: string
  uri?: string
  digest?: Record<string, string>
  annotations?: Record<string, string>
}

/** @param layers of the image, from the lowest on @param manifest of the image */
export function provenance(
  manifest: Digest,
  contents: Contents,
  layers: readonly { source: LayerSource; diffId: Digest }[],
  { configuration, repoTags, compression, annotations }: BuildParameters,
): Buffer {
  const statement = {
    _type: 'https://in-toto.io/Statement/v1',
    subject: [{ name: contents.name, digest: { sha256: toHex(manifest) } }],
    predicateType: PREDICATE_TYPE,
    predicate: {
      buildDefinition: {
        buildType: BUILD_TYPE,
        externalParameters: {
          configuration: { digest: { sha256: toHex(configuration) } },
          repo_tags: repoTags,
          ...(compression && { compression: `${compression.kind}:${compression.level}` }),
          ...(annotations && { annotations }),
        },
        resolvedDependencies: [
          ...layers.flatMap(({ source, diffId }) => otherLayer(source, diffId)),
          ...storePaths(contents),
        ],
      },
      runDetails: { builder: { id: BUILDER, version: { 'stream-layered-image': VERSION } } },
    },
  }
  return Buffer.from(`${JSON.stringify(statement)}\n`)
}

/** A layer that is taken as it is: its archive is the dependency. */
function otherLayer(source: LayerSource, diffId: Digest): Resource[] {
  if (source.kind === 'store') return []
  const name = source.kind === 'customisation' ? 'customisation layer' : 'base layer'
  return [{ name, digest: { sha256: toHex(diffId) } }]
}

/** Store paths by the SHA-256 of their NARs, which is that of no file. */
function storePaths({ packages }: Contents): Resource[] {
  return packages.map((it) => ({
    ...{ name: it.path, uri: purlOf(it) },
    ...(it.known && { digest: { narHash: it.known.narHex } }),
    ...(it.known?.deriver === undefined ? {} : { annotations: { deriver: it.known.deriver } }),
  }))
}
