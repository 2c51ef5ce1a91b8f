/** What SPDX 2.3 asks of the documents that are made here (clauses 6, 7, 8 and 11; annex on the JSON format), and no more keys. */
import * as v from 'valibot'

const ID = v.pipe(v.string(), v.regex(/^SPDXRef-[A-Za-z0-9.-]+$/))
const TEXT = v.pipe(v.string(), v.nonEmpty())
const PACKAGE = v.strictObject({
  SPDXID: ID,
  name: TEXT,
  versionInfo: v.optional(TEXT),
  downloadLocation: v.literal('NOASSERTION'),
  // Without its files analysed a package has neither a verification code nor files.
  filesAnalyzed: v.literal(false),
  primaryPackagePurpose: v.optional(v.literal('CONTAINER')),
  checksums: v.optional(
    v.array(
      v.strictObject({
        algorithm: v.literal('SHA256'),
        checksumValue: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/)),
      }),
    ),
  ),
  sourceInfo: v.optional(TEXT),
  comment: v.optional(TEXT),
  externalRefs: v.optional(
    v.array(
      v.strictObject({
        referenceCategory: v.literal('PACKAGE-MANAGER'),
        referenceType: v.literal('purl'),
        referenceLocator: v.pipe(v.string(), v.regex(/^pkg:[a-z]+\/[^\s]+$/)),
      }),
    ),
  ),
})

export const SPDX_DOCUMENT = v.pipe(
  v.strictObject({
    spdxVersion: v.literal('SPDX-2.3'),
    dataLicense: v.literal('CC0-1.0'),
    SPDXID: v.literal('SPDXRef-DOCUMENT'),
    name: TEXT,
    // A unique absolute URI without a fragment.
    documentNamespace: v.pipe(v.string(), v.url(), v.regex(/^[^#]+$/)),
    creationInfo: v.strictObject({
      created: v.pipe(v.string(), v.regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)),
      creators: v.tuple([v.pipe(v.string(), v.regex(/^Tool: \S+-\d+\.\d+\.\d+$/))]),
    }),
    packages: v.array(PACKAGE),
    relationships: v.array(
      v.strictObject({
        spdxElementId: ID,
        relationshipType: v.picklist(['DESCRIBES', 'CONTAINS', 'DEPENDS_ON']),
        relatedSpdxElement: ID,
      }),
    ),
  }),
  v.check(({ packages }) => new Set(packages.map((it) => it.SPDXID)).size === packages.length, 'IDs differ'),
  v.check(({ packages, relationships }) => {
    const ids = new Set(['SPDXRef-DOCUMENT', ...packages.map((it) => it.SPDXID)])
    return relationships.every((it) => ids.has(it.spdxElementId) && ids.has(it.relatedSpdxElement))
  }, 'relationships are of elements that are there'),
)
