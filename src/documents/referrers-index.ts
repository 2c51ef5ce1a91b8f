/** Indexes that list referrers (OCI distribution specification 1.1, "Listing Referrers", "Referrers Tag Schema"). */
import * as v from 'valibot'
import { ImageError } from '../errors.js'
import type { Descriptor, Document } from '../model/descriptor.js'
import { EMPTY_INDEX, parseIndex } from './oci-index.js'
import { DESCRIPTOR, documentOf, INDEX_TYPE } from './oci-manifest.js'

/** More than any image has. */
export const MAX_REFERRERS = 10_000

const ENTRY = v.object({ ...DESCRIPTOR.entries, artifactType: v.nullish(v.string()) })

/**
 * What an index lists. What is named by another digest than SHA-256 cannot be read here, and is left out.
 * @param name what to call it in messages @throws ImageError IMAGE_INVALID
 */
export function referrersIn(bytes: Buffer, name: string): Descriptor[] {
  const { manifests } = parseIndex(bytes, name)
  if (manifests.length > MAX_REFERRERS)
    throw new ImageError(
      'IMAGE_INVALID',
      `${name}: expected at most ${MAX_REFERRERS} referrers, found ${manifests.length}`,
    )
  return manifests.flatMap((entry) => {
    const parsed = v.safeParse(ENTRY, entry)
    if (!parsed.success) return []
    const { annotations, artifactType, ...descriptor } = parsed.output
    return {
      ...descriptor,
      ...(artifactType ? { artifactType } : {}),
      ...(annotations ? { annotations } : {}),
    }
  })
}

/**
 * The index with referrers added; those of others are kept as they are.
 * @param before undefined where there is none yet
 * @returns undefined when all of them are there
 */
export function withReferrers(
  before: Document | undefined,
  added: readonly Descriptor[],
  name: string,
): Document | undefined {
  const index = before === undefined ? EMPTY_INDEX : parseIndex(before.bytes, name)
  const known = new Set(index.manifests.map(({ digest }) => digest))
  const missing = new Map(added.flatMap((it) => (known.has(it.digest) ? [] : [[it.digest, it]])))
  if (missing.size === 0) return undefined
  const after = { ...index, manifests: [...index.manifests, ...missing.values()] }
  return documentOf(Buffer.from(JSON.stringify(after)), INDEX_TYPE)
}
