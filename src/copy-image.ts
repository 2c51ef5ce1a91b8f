/** Images from wherever they are to anywhere. */
import { deliver } from './build-image.js'
import { expectApart } from './files/apart.js'
import { type Build, inBuild } from './in-build.js'
import type { Image } from './model/image.js'
import { type CopyOptions, namesOf } from './options.js'
import type { BuildResult } from './results.js'
import { namedPath } from './transports/transport.js'
import { parsePlace } from './transports.js'
import { checkRepoTag } from './writers/repo-tags.js'

/**
 * Copies an image from wherever it is; layers that are blobs already stay as they are.
 * @throws ImageError as {@link buildImage}, IMAGE_INVALID
 */
export async function copyImage(options: CopyOptions): Promise<BuildResult> {
  return inBuild(options, (build) => deliver(openCopied(options, build), [], build))
}

/**
 * The image that is copied, by the names that it gets.
 * @throws ImageError OPTION_INVALID, IMAGE_INVALID; DESTINATION_INVALID for a digest that would be written into its place
 */
export async function openCopied(
  { image: name, repoTag, referrers, digestFile }: CopyOptions,
  build: Build,
): Promise<Image> {
  if (digestFile !== undefined)
    expectApart([{ name: digestFile, path: digestFile }], namedPath(parsePlace(name)))
  const names = namesOf(repoTag)
  for (const name of names) checkRepoTag(name, true, build)
  const image = await build.openImage(name)
  if (referrers) {
    const { expectKept } = await import('./writers/attach.js')
    expectKept(image, build)
  }
  return names.length === 0 ? image : { ...image, names }
}
