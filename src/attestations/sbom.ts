/** The formats of SBOMs. */
import type { Contents } from './contents.js'

export type SbomFormat = 'cyclonedx' | 'spdx'

/** By the media types that their specifications registered, which are those of the artifacts too. */
export const SBOM_TYPES: Readonly<Record<SbomFormat, string>> = {
  cyclonedx: 'application/vnd.cyclonedx+json',
  spdx: 'application/spdx+json',
}

export const SBOM_FORMATS = Object.keys(SBOM_TYPES) as SbomFormat[]

export async function makeSbom(format: SbomFormat, contents: Contents): Promise<Buffer> {
  if (format === 'spdx') return (await import('./spdx.js')).spdx(contents)
  return (await import('./cyclonedx.js')).cycloneDx(contents)
}
