/** What is attached to an image at a blob store, behind its manifest and before its tags. */
import { ImageError } from '../errors.js'
import type { Attach, WriteContext } from './written.js'

export interface AttachOptions {
  /** Whether what is about the image where it comes from is copied. */
  referrers?: boolean | undefined
}

/** @returns undefined when nothing is asked for @throws ImageError OPTION_INVALID where nothing can be attached */
export function attachWith(
  options: AttachOptions,
  { destinations, workshop }: WriteContext,
): Attach | undefined {
  const [asked] = Object.entries(options).find(([, value]) => value !== undefined && value !== false) ?? []
  if (asked === undefined) return undefined
  if (!destinations.some(({ shape }) => shape === 'by-digest'))
    throw new ImageError(
      'OPTION_INVALID',
      `${asked}: expected a registry or an image layout among the destinations, found none`,
      { hint: 'it is attached at docker://HOST/REPOSITORY, oci:DIR and oci-archive:FILE' },
    )
  return async ({ image }, subject, { name, store }) => {
    const attached = []
    if (options.referrers) {
      const { stored } = image
      const expected = stored?.manifest.descriptor.digest
      if (stored === undefined || expected !== subject.digest)
        throw new ImageError(
          'OPTION_INVALID',
          `referrers: expected the manifest at ${name} to be as it was, ${expected ?? 'of a registry or an image layout'}, found ${subject.digest}`,
          { hint: 'what is about an image names its manifest: copy it without --compress and --annotation' },
        )
      const { copyReferrers } = await import('./copy-artifact.js')
      attached.push(...(await copyReferrers(stored.store, store, subject.digest, workshop.makeFile)))
    }
    return attached.map(({ digest, artifactType }) => ({ digest, ...(artifactType ? { artifactType } : {}) }))
  }
}
