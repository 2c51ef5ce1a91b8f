/** Artifacts from one blob store to another, as they are: blobs first, then what names them. */
import { rmSync } from 'node:fs'
import { saveBlob } from '../blob-stores/save-blob.js'
import { referrerOf } from '../documents/artifact.js'
import { referencesOf } from '../documents/oci-index.js'
import { MAX_REFERRERS } from '../documents/referrers-index.js'
import { ImageError } from '../errors.js'
import type { BlobReader, BlobStore } from '../model/blob-store.js'
import type { Descriptor, Document } from '../model/descriptor.js'
import type { Digest } from '../model/digest.js'

/** Gives the path of an empty temporary file. */
type MakeFile = () => string

/** A manifest or an index with all that it names. @throws ImageError */
export async function copyArtifact(
  from: BlobReader,
  to: BlobStore,
  document: Document,
  makeFile: MakeFile,
): Promise<void> {
  const { blobs, manifests } = referencesOf(document.bytes)
  for (const blob of blobs) await copyBlob(from, to, blob, makeFile)
  for (const { digest } of manifests) {
    const named = await from.manifest(digest)
    if (named === undefined)
      throw new ImageError('IMAGE_INVALID', `${from.name}: ${digest}: expected it to be there, found nothing`)
    await copyArtifact(from, to, named, makeFile)
  }
  await to.putManifest(document, undefined)
}

/**
 * All that is about a manifest, and what is about that in turn.
 * @returns what was copied @throws ImageError
 */
export async function copyReferrers(
  from: BlobReader,
  to: BlobStore,
  subject: Digest,
  makeFile: MakeFile,
): Promise<Descriptor[]> {
  const copied = new Map<Digest, Descriptor>()
  const subjects = [subject]
  // A list gives what is added to it while it is gone through.
  for (const about of subjects) {
    for (const { digest } of await from.referrers(about)) {
      if (copied.has(digest)) continue
      const document = await from.manifest(digest)
      const referrer = document && referrerOf(document)
      // Whoever lists it may be wrong, or it is gone.
      if (document === undefined || referrer?.subject !== about) continue
      if (copied.size === MAX_REFERRERS)
        throw new ImageError(
          'IMAGE_INVALID',
          `${from.name}: expected at most ${MAX_REFERRERS} referrers, found more`,
        )
      await copyArtifact(from, to, document, makeFile)
      copied.set(digest, referrer.descriptor)
      subjects.push(digest)
    }
  }
  return [...copied.values()]
}

async function copyBlob(
  from: BlobReader,
  to: BlobStore,
  blob: Descriptor,
  makeFile: MakeFile,
): Promise<void> {
  if ((await to.has(blob)) || (await to.mount(blob))) return
  const file = await saveBlob(from, blob, makeFile)
  try {
    await to.put(blob, file, { hashed: true })
  } finally {
    rmSync(file, { force: true })
  }
}
