/**
 * A build on one screen: a source gives an image, its layers are hashed and written by threads, destinations take it
 * in one of four shapes. A Piscina pool runs the checksum passes of all layers at once, bounded by p-limit; into a
 * pipe, the main thread then streams the layers in order, by piping each one's freshly produced archive into the
 * outer tar (`writers/in-order`). Into a file, workers write all layers at once, each at its offset
 * (`writers/at-offsets`). Blob stores get layers as blobs, in any order, and only those that they lack
 * (`writers/by-digest`). Engines are served the image as by a registry, and ask for what they lack (`writers/served`).
 */
import { type Build, conclude, inBuild, ofShape } from './in-build.js'
import type { Image } from './model/image.js'
import type { Layer } from './model/layer.js'
import { openConfigured } from './open-configured.js'
import { type BuildOptions, checkConf } from './options.js'
import type { BuildResult } from './results.js'
import { resultOf } from './writers/build-result.js'
import type { Finished } from './writers/written.js'

/**
 * Builds the image that a configuration describes, and writes or delivers it.
 * @throws ImageError with one of the stable codes. An output is then incomplete, it lacks the end of the
 *   archive; files that were named are not there, or as before
 */
export async function buildImage(options: BuildOptions): Promise<BuildResult> {
  const { conf } = options
  checkConf(conf)
  const readFrom = typeof conf === 'string' ? [{ name: 'the configuration', path: conf }] : []
  return inBuild(
    options,
    async (build) => {
      const { own, whole } = await openConfigured(conf, options, build)
      return deliver(whole, own, build)
    },
    readFrom,
  )
}

/**
 * An image to all destinations: it is finished everywhere before it appears anywhere.
 * @param own layers that are known before the image is: their checksum passes need not wait for it
 */
export async function deliver(
  opening: Promise<Image>,
  own: readonly Layer[],
  build: Build,
): Promise<BuildResult> {
  const files = ofShape(build.destinations, 'at-offsets')
  const stores = ofShape(build.destinations, 'by-digest')
  const engines = ofShape(build.destinations, 'served')
  const pipes = ofShape(build.destinations, 'in-order')
  if (pipes.length > 0) for (const layer of own) build.passes.of(layer, !build.verify)
  const image = await opening
  for (const { engine } of engines) await engine.ready

  const finished: Finished[] = []
  try {
    if (files.length > 0) {
      const { writeAtOffsets } = await import('./writers/at-offsets.js')
      for (const file of files) finished.push(await writeAtOffsets(image, file, build))
    }
    if (stores.length > 0) {
      const { writeByDigest } = await import('./writers/by-digest.js')
      finished.push(await writeByDigest(image, stores, build))
    }
    if (engines.length > 0) {
      const { writeServed } = await import('./writers/served.js')
      finished.push(await writeServed(image, engines, build))
    }
    if (pipes.length > 0) {
      const { writeInOrder } = await import('./writers/in-order.js')
      // Last, since what a pipe has taken cannot be taken back.
      for (const pipe of pipes) finished.push(await writeInOrder(image, pipe, build))
    }
    const result = resultOf(finished, build)
    await conclude(result.manifestDigest ?? result.imageId, finished, build)
    return result
  } catch (error) {
    for (const { discard } of finished) await discard()
    throw error
  }
}
