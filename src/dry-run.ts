/** What a build or a copy would come to, without writing anything at its destinations. */
import { openCopied } from './copy-image.js'
import { inBuild } from './in-build.js'
import type { Image } from './model/image.js'
import { openConfigured } from './open-configured.js'
import { type BuildOptions, type CopyOptions, checkConf, type IndexOptions } from './options.js'
import type { DryRunResult } from './results.js'

/**
 * Finds out what would be read, compressed and sent: sources and destinations are opened and asked as in a real run, and
 * only then it ends. What a layer is compressed to is known where a cache or an image that is there tells it.
 * @throws ImageError as {@link buildImage}, but for what goes wrong while layers are read or written
 */
export async function dryRun(options: BuildOptions | IndexOptions | CopyOptions): Promise<DryRunResult> {
  const confs = 'confs' in options ? options.confs : 'conf' in options ? [options.conf] : []
  for (const conf of confs) checkConf(conf)
  const images = 'confs' in options ? 'several' : 'one'
  return inBuild(
    options,
    async (build) => {
      const opened: Image[] = []
      if ('image' in options) opened.push(await openCopied(options, build))
      for (const conf of confs) opened.push(await (await openConfigured(conf, options, build)).whole)
      if (images === 'several') {
        const { platformsOf } = await import('./writers/image-index.js')
        platformsOf(opened)
      }
      const { foresee } = await import('./writers/foresee.js')
      return foresee(opened, build.destinations, build)
    },
    [],
    { images, isDry: true },
  )
}
