/**
 * Image indexes, and the one of an image layout, index.json (OCI image specification 1.1, "Image Index", "Image
 * Layout"). Entries of others are kept as they are, whatever else they hold.
 */
import * as v from 'valibot'
import { ImageError } from '../errors.js'
import type { Descriptor, Document } from '../model/descriptor.js'
import { isDigest } from '../model/digest.js'
import { isReferrersTag, referrerOf } from './artifact.js'
import { documentIn, parseDocument } from './json.js'
import { type Annotations, DESCRIPTOR, documentOf, INDEX_TYPE, MANIFEST_TYPE } from './oci-manifest.js'

/** An image's name in a layout: a tag, or a whole reference. */
export const REF_NAME = 'org.opencontainers.image.ref.name'
/** Where containerd keeps the whole reference when the name is just the tag. */
const CONTAINERD_NAME = 'io.containerd.image.name'
/** Marks an image that was put without a tag: the next such takes its place. */
const UNTAGGED = 'stream-layered-image.untagged'

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

/** The names of the images. */
export function tagsOf({ manifests }: Index): string[] {
  return manifests.flatMap((entry) => entry.annotations?.[REF_NAME] ?? [])
}

/**
 * The entry that a tag means: of that name, of that whole reference, or of a whole reference with that tag when only
 * one has it. Without a tag: the only image, else the one that was put without a tag; what is about an image is none.
 */
export function findEntry({ manifests }: Index, tag: string | undefined): IndexEntry | undefined {
  if (tag === undefined) {
    const images = manifests.length === 1 ? manifests : manifests.filter(isImage)
    if (images.length === 1) return images[0]
    const untagged = images.filter((entry) => entry.annotations?.[REF_NAME] === undefined)
    return untagged.find(isUntagged) ?? only(untagged)
  }
  const named = (key: string): IndexEntry | undefined =>
    manifests.find((entry) => entry.annotations?.[key] === tag)
  return (
    named(REF_NAME) ??
    named(CONTAINERD_NAME) ??
    only(manifests.filter((entry) => entry.annotations?.[REF_NAME]?.endsWith(`:${tag}`)))
  )
}

/** @returns the index with manifests that were put, in place of those that had their tags */
export function withManifests(index: Index, put: ReadonlyMap<string, PutManifest>): Index {
  const all = [...put.values()]
  const tags = new Set(all.flatMap(({ tag }) => tag ?? []))
  const within = new Set(
    all.flatMap(({ document }) => referencesOf(document.bytes).manifests.map(({ digest }) => digest)),
  )
  // What a manifest that was put refers to is found through it.
  const untagged = all.filter(
    ({ document, tag }) => tag === undefined && !within.has(document.descriptor.digest),
  )
  const replaces = untagged.some(({ document }) => referrerOf(document) === undefined)
  const others = index.manifests.filter((entry) => {
    const name = entry.annotations?.[REF_NAME]
    return name === undefined ? !(replaces && isUntagged(entry)) : !tags.has(name)
  })
  const known = new Set(
    others.flatMap((entry) => (entry.annotations?.[REF_NAME] === undefined ? entry.digest : [])),
  )
  return {
    ...index,
    manifests: [
      ...others,
      ...untagged.filter(({ document }) => !known.has(document.descriptor.digest)).map(untaggedEntry),
      ...all.filter(({ tag }) => tag !== undefined).map(taggedEntry),
    ],
  }
}

export interface PutManifest {
  document: Document
  tag: string | undefined
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

function isUntagged(entry: IndexEntry): boolean {
  return entry.annotations?.[UNTAGGED] !== undefined
}

/** Whether it is not about another manifest, as far as the index tells. */
function isImage({ artifactType, annotations }: IndexEntry): boolean {
  return artifactType == null && !isReferrersTag(annotations?.[REF_NAME] ?? '')
}

function untaggedEntry({ document }: PutManifest): IndexEntry {
  const referrer = referrerOf(document)
  if (referrer !== undefined) return { ...referrer.descriptor }
  const { descriptor } = document
  return { ...descriptor, annotations: { ...descriptor.annotations, [UNTAGGED]: 'true' } }
}

function taggedEntry({ document: { descriptor }, tag }: PutManifest): IndexEntry {
  return { ...descriptor, annotations: { ...descriptor.annotations, [REF_NAME]: tag! } }
}

function only<T>(items: readonly T[]): T | undefined {
  return items.length === 1 ? items[0] : undefined
}
