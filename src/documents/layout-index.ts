/** The index of an image layout, index.json (OCI image specification 1.1, "Image Layout"): what names its images. */
import type { Document } from '../model/descriptor.js'
import { isReferrersTag, referrerOf } from './artifact.js'
import { type Index, type IndexEntry, referencesOf } from './oci-index.js'

/** An image's name in a layout: a tag, or a whole reference. */
export const REF_NAME = 'org.opencontainers.image.ref.name'
/** Where containerd keeps the whole reference when the name is just the tag. */
const CONTAINERD_NAME = 'io.containerd.image.name'
/** Marks an image that was put without a tag: the next such takes its place. */
const UNTAGGED = 'stream-layered-image.untagged'

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
