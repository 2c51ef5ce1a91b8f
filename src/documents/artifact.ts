/**
 * Manifests about other manifests: signatures, SBOMs, attestations (OCI image specification 1.1, "Image Manifest",
 * `subject` and `artifactType`; "Guidelines for Artifact Usage").
 */
import * as v from 'valibot'
import type { Descriptor, Document } from '../model/descriptor.js'
import { type Digest, isDigest } from '../model/digest.js'
import { documentIn, parseDocument } from './json.js'
import { type Annotations, documentOf, MANIFEST_TYPE } from './oci-manifest.js'

/** The config of what has none ("Guidance for an Empty Descriptor"). */
export const EMPTY_CONFIG: Document = documentOf(Buffer.from('{}'), 'application/vnd.oci.empty.v1+json')

/** A manifest of one blob that is about another manifest. */
export function artifactDocument(
  artifactType: string,
  blob: Descriptor,
  subject: Descriptor,
  annotations: Annotations,
): Document {
  const manifest = {
    ...{ schemaVersion: 2, mediaType: MANIFEST_TYPE, artifactType, config: EMPTY_CONFIG.descriptor },
    ...{ layers: [blob], subject: plain(subject), annotations },
  }
  return documentOf(Buffer.from(JSON.stringify(manifest)), MANIFEST_TYPE)
}

/** The manifest, about something; its other words stay as they are. */
export function withSubject({ descriptor, bytes }: Document, subject: Descriptor): Document {
  const manifest = { ...(parseDocument(bytes) as object), subject: plain(subject) }
  return documentOf(Buffer.from(JSON.stringify(manifest)), descriptor.mediaType)
}

const TEXTS = v.record(v.string(), v.string())
const REFERRER = v.object({
  artifactType: v.nullish(v.string()),
  config: v.nullish(v.object({ mediaType: v.nullish(v.string()) })),
  subject: v.object({ digest: v.custom<Digest>(isDigest) }),
  annotations: v.nullish(TEXTS),
})

/**
 * What a manifest or an index is about, and as what it is listed (OCI distribution specification 1.1, "Pushing
 * Manifests with Subject").
 * @returns undefined when it is about nothing
 */
export function referrerOf({
  descriptor,
  bytes,
}: Document): { subject: Digest; descriptor: Descriptor } | undefined {
  const parsed = v.safeParse(REFERRER, documentIn(bytes))
  if (!parsed.success) return undefined
  const { subject, annotations } = parsed.output
  const artifactType = parsed.output.artifactType || parsed.output.config?.mediaType
  return {
    subject: subject.digest,
    descriptor: {
      ...plain(descriptor),
      ...(artifactType ? { artifactType } : {}),
      ...(annotations ? { annotations } : {}),
    },
  }
}

/** The tag of the index that lists referrers where a registry does not ("Referrers Tag Schema"). */
export function referrersTag(subject: Digest): string {
  return subject.replace(':', '-')
}

export function isReferrersTag(tag: string): boolean {
  return /^sha256-[0-9a-f]{64}$/.test(tag)
}

/** As it is named in JSON, without what was said of it elsewhere. */
function plain({ mediaType, digest, size }: Descriptor): Descriptor {
  return { mediaType, digest, size }
}
