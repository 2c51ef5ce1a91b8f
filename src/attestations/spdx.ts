/** SBOMs in the JSON of SPDX 2.3, the same bytes for the same image. */
import { type Digest, digestOf, toHex } from '../model/digest.js'
import { VERSION } from '../version.js'
import type { Contents, Package } from './contents.js'
import { packageNameOf, storeHashOf } from './drv-name.js'
import { purlOf } from './purl.js'
import { uuidOf } from './uuid.js'

type Relation = 'DESCRIBES' | 'CONTAINS' | 'DEPENDS_ON'

interface Relationship {
  spdxElementId: string
  relationshipType: Relation
  relatedSpdxElement: string
}

interface SpdxPackage {
  SPDXID: string
  name: string
  versionInfo?: string
  downloadLocation: 'NOASSERTION'
  filesAnalyzed: false
  primaryPackagePurpose?: 'CONTAINER'
  checksums?: { algorithm: 'SHA256'; checksumValue: string }[]
  sourceInfo?: string
  comment?: string
  externalRefs?: { referenceCategory: 'PACKAGE-MANAGER'; referenceType: 'purl'; referenceLocator: string }[]
}

const DOCUMENT = 'SPDXRef-DOCUMENT'
const IMAGE = 'SPDXRef-Image'

export function spdx(contents: Contents): Buffer {
  const { name, imageId, created, packages } = contents
  const relationships = [
    relate(DOCUMENT, 'DESCRIBES', IMAGE),
    ...packages.flatMap(({ path, known }) => [
      relate(IMAGE, 'CONTAINS', idOf(path)),
      ...(known?.references ?? []).map((to) => relate(idOf(path), 'DEPENDS_ON', idOf(to))),
    ]),
  ]
  const uuid = uuidOf(JSON.stringify([VERSION, contents]))
  const document = {
    ...{ spdxVersion: 'SPDX-2.3', dataLicense: 'CC0-1.0', SPDXID: DOCUMENT, name },
    documentNamespace: `https://spdx.org/spdxdocs/${encodeURIComponent(name)}-${uuid}`,
    creationInfo: { created, creators: [`Tool: stream-layered-image-${VERSION}`] },
    packages: [imagePackage(name, imageId), ...packages.map(storePackage)],
    relationships,
  }
  return Buffer.from(`${JSON.stringify(document, undefined, 2)}\n`)
}

function imagePackage(name: string, imageId: Digest): SpdxPackage {
  return {
    ...{ SPDXID: IMAGE, name, downloadLocation: 'NOASSERTION', filesAnalyzed: false },
    primaryPackagePurpose: 'CONTAINER',
    checksums: [{ algorithm: 'SHA256', checksumValue: toHex(imageId) }],
    comment: 'The checksum is of the image config: the image ID.',
  }
}

function storePackage(it: Package): SpdxPackage {
  const { path, name, version, diffIds, known } = it
  return {
    ...{ SPDXID: idOf(path), name, ...(version === undefined ? {} : { versionInfo: version }) },
    ...{ downloadLocation: 'NOASSERTION', filesAnalyzed: false },
    ...(known && {
      checksums: [{ algorithm: 'SHA256', checksumValue: known.narHex }],
      comment: `The checksum is of the path's NAR: ${known.narHash}.`,
    }),
    sourceInfo: [
      `store path ${path}`,
      ...(known?.deriver === undefined ? [] : [`built from ${known.deriver}`]),
      ...diffIds.map((diffId) => `in the layer with the diff ID ${diffId}`),
    ].join('; '),
    externalRefs: [
      { referenceCategory: 'PACKAGE-MANAGER', referenceType: 'purl', referenceLocator: purlOf(it) },
    ],
  }
}

/** Letters, digits, dots and dashes; no two paths have the same. */
function idOf(path: string): string {
  const hash = storeHashOf(path) ?? toHex(digestOf(Buffer.from(path))).slice(0, 32)
  return `SPDXRef-${hash}-${packageNameOf(path).replaceAll(/[^A-Za-z0-9.-]/g, '-')}`
}

function relate(from: string, relationshipType: Relation, to: string): Relationship {
  return { spdxElementId: from, relationshipType, relatedSpdxElement: to }
}
