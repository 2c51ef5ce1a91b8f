/**
 * Image indexes (OCI image specification 1.1, "Image Index"), and what they and manifests name. Entries of others are kept
 * as they are, whatever else they hold.
 */
import * as v from 'valibot'
import { ImageError } from '../errors.js'
import type { Descriptor, Document } from '../model/descriptor.js'
import { isDigest } from '../model/digest.js'
import { documentIn, parseDocument } from './json.js'
import { type Annotations, DESCRIPTOR, documentOf, INDEX_TYPE, MANIFEST_TYPE } from './oci-manifest.js'

const ENTRY = v.looseObject({
  mediaType: v.nullish(v.string()),
  digest: v.string(),
  size: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
  annotations: v.nullish(v.record(v.string(), v.string())),
  artifactType: v.nullish(v.string()),
})
const INDEX = v.pipe(
  v.custom<object>((index) => !Array.isArray(index), 'Invalid type: Expected Object but received Array'),
  v.looseObject({ manifests: v.nullish(v.array(ENTRY)) }),
)

export type IndexEntry = v.InferOutput<typeof ENTRY>

export interface Index {
  manifests: readonly IndexEntry[]
  [key: string]: unknown
}

export const EMPTY_INDEX: Index = { schemaVersion: 2, mediaType: INDEX_TYPE, manifests: [] }

/** An index of no images. */
export const EMPTY_INDEX_DOCUMENT = documentOf(Buffer.from(JSON.stringify(EMPTY_INDEX)), INDEX_TYPE)

/** What an image runs on ("Image Index", `platform`). */
export interface Platform {
  architecture: string
  os: string
  variant?: string
}

/** An index of images for several platforms. */
export function indexDocument(
  images: readonly { descriptor: Descriptor; platform: Platform }[],
  annotations?: Annotations,
): Document {
  const manifests = images.map(({ descriptor: { mediaType, digest, size }, platform }) => ({
    ...{ mediaType, digest, size, platform },
  }))
  const index = { schemaVersion: 2, mediaType: INDEX_TYPE, manifests, annotations }
  return documentOf(Buffer.from(JSON.stringify(index)), INDEX_TYPE)
}

/** @param name the file, for messages @throws ImageError IMAGE_INVALID */
export function parseIndex(bytes: Buffer, name: string): Index {
  try {
    const { manifests, ...index } = v.parse(INDEX, parseDocument(bytes))
    return { ...index, manifests: manifests ?? [] }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new ImageError(
      'IMAGE_INVALID',
      `${name}: expected an image index, found other content: ${reason}`,
      {
        cause: error,
      },
    )
  }
}

/** The blobs and the manifests that a manifest or index names; none when it is neither. */
export function referencesOf(bytes: Buffer): { blobs: Descriptor[]; manifests: Descriptor[] } {
  const parsed = v.safeParse(NAMED, documentIn(bytes))
  if (!parsed.success) return { blobs: [], manifests: [] }
  const { config, layers, blobs, manifests } = parsed.output
  return {
    blobs: [config ?? [], layers ?? [], blobs ?? []].flat().flatMap(asDescriptor),
    manifests: (manifests ?? []).flatMap(asDescriptor),
  }
}

/** The manifests and indexes that an index names, in order. */
export function imagesOf({ manifests }: Index): Descriptor[] {
  return manifests.flatMap(asDescriptor)
}

const PLATFORM = v.nullish(v.object({ os: v.string(), architecture: v.string() }))
const PLATFORM_ENTRY = v.object({ ...DESCRIPTOR.entries, platform: PLATFORM })
const PLATFORM_INDEX = v.object({ manifests: v.nullish(v.array(PLATFORM_ENTRY)) })

/** An index's manifests with their platforms; undefined when the document is no index. */
export function manifestsOf({ bytes }: Document): v.InferOutput<typeof PLATFORM_ENTRY>[] | undefined {
  const document = documentIn(bytes)
  if (typeof document !== 'object' || document === null || !('manifests' in document)) return undefined
  const parsed = v.safeParse(PLATFORM_INDEX, document)
  return parsed.success ? (parsed.output.manifests ?? []) : undefined
}

/**
 * What a manifest or index is, by itself and by what the descriptor says that named it; undefined when it is neither.
 * @throws SyntaxError when both say different things, or it could be taken for either
 */
export function documentType(bytes: Buffer, declared: string | undefined): string | undefined {
  const parsed = v.safeParse(KIND, documentIn(bytes))
  if (!parsed.success) return undefined
  const { mediaType, manifests, layers, config } = parsed.output
  const isIndex = manifests !== undefined
  const isManifest = layers !== undefined || config !== undefined
  if (isIndex && isManifest) throw new SyntaxError('expected a manifest or an index, found both in one')
  if (!isIndex && !isManifest) return undefined
  if (mediaType != null && declared !== undefined && mediaType !== declared)
    throw new SyntaxError(`expected the media type ${declared}, found ${mediaType}`)
  return declared ?? mediaType ?? (isIndex ? INDEX_TYPE : MANIFEST_TYPE)
}

const NAMED = v.looseObject({
  config: v.nullish(ENTRY),
  layers: v.nullish(v.array(ENTRY)),
  blobs: v.nullish(v.array(ENTRY)),
  manifests: v.nullish(v.array(ENTRY)),
})
const KIND = v.looseObject({
  mediaType: v.nullish(v.string()),
  manifests: v.optional(v.unknown()),
  layers: v.optional(v.unknown()),
  config: v.optional(v.record(v.string(), v.unknown())),
})

function asDescriptor({ mediaType, digest, size }: IndexEntry): Descriptor[] {
  return isDigest(digest) ? [{ mediaType: mediaType ?? '', digest, size }] : []
}
