/** Images of several configurations, one for each platform, as one image index. */
import { ImageError } from './errors.js'
import { conclude, inBuild, ofShape } from './in-build.js'
import { openConfigured } from './open-configured.js'
import { checkConf, type IndexOptions } from './options.js'
import type { IndexResult } from './results.js'

/**
 * Builds the images that configurations describe, one for each platform, and delivers them as one image index.
 * @throws ImageError as {@link buildImage}; DESTINATION_INVALID for destinations that take one image
 */
export async function buildIndex(options: IndexOptions): Promise<IndexResult> {
  const { confs } = options
  if (!Array.isArray(confs) || confs.length === 0)
    throw new ImageError('OPTION_INVALID', 'confs: expected configurations, found none')
  for (const conf of confs) checkConf(conf)
  const files = confs.filter((conf) => typeof conf === 'string')
  const readFrom = files.map((path) => ({ name: 'the configuration', path }))
  return inBuild(
    options,
    async (build) => {
      const stores = ofShape(build.destinations, 'by-digest')
      const opening = []
      for (const conf of confs) opening.push((await openConfigured(conf, options, build)).whole)
      const { writeIndex } = await import('./writers/image-index.js')
      const { result, ...finished } = await writeIndex(await Promise.all(opening), stores, build)
      await conclude(result.manifestDigest, [finished], build)
      return { ...result, ...(build.memory.isOn ? { cache: { ...build.memory.counts } } : {}) }
    },
    readFrom,
    { images: 'several' },
  )
}
