/**
 * The streamed build on one screen. An image archive names each layer by the SHA-256 of the layer's own
 * archive and gives its size before its bytes, so every layer is produced twice: a checksum pass, for all
 * layers at once on a pool of threads, then a streaming pass in order, as soon as the next layer's
 * checksum is known. Both passes write from one plan of the layer, made by a single walk; the streaming
 * pass looks at each file once more and fails when it is not the one that was planned. Nothing is stored
 * but plans: contents go from the file system through a few shared buffers to the output.
 */
import { LayerMemory } from './cache/layer-memory.js'
import { asImageError } from './errors.js'
import { overlayEnv } from './image/env.js'
import type { Layer } from './image/layer.js'
import { baseLayers, customisationLayer, storeLayer } from './image/sources.js'
import type { Build, BuildResult } from './options.js'
import type { ByteOutput } from './outputs/byte-output.js'
import { writeDockerArchive } from './outputs/docker-archive.js'
import { Streamer } from './pool/streamer.js'

/** Writes the image to an output as a docker-archive. @throws ImageError; the output then lacks its end */
export async function streamImage(build: Build, output: ByteOutput): Promise<BuildResult> {
  const streamer = new Streamer()
  try {
    return await Promise.race([write(build, output, streamer), build.aborted, output.lost])
  } catch (error) {
    streamer.close(asImageError(error, 'ABORTED', 'the build has failed'))
    output.abort(error as Error)
    throw error
  }
}

async function write(build: Build, output: ByteOutput, streamer: Streamer): Promise<BuildResult> {
  const { conf, pool, emit, cache, options } = build
  const { fromImage, created, architecture, mtime, repoTag } = conf
  const opening = fromImage === null ? undefined : pool.run('openBase', { path: fromImage }, fromImage)
  const memory = cache && new LayerMemory(cache, build.narHashes)
  const verify = options.verify === true
  const storeLayers = conf.storeLayers.map((paths) => storeLayer(paths, { conf, pool, emit, verify, memory }))
  const customisation = customisationLayer(conf, pool, emit)
  const base = await opening
  if (base === undefined) emit({ type: 'no-base' })
  const layers: Layer[] = [
    ...(base === undefined ? [] : baseLayers(base, pool, streamer)),
    ...storeLayers.map((start) => start(streamer)),
    customisation,
  ]
  const config = base === undefined ? conf.config : overlayEnv(conf.config, base.env)
  return writeDockerArchive({ layers, created, architecture, mtime, config, repoTag }, output, emit)
}
