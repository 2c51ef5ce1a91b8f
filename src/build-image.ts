/**
 * The whole build on one screen. An image archive names each layer by the SHA-256 of the layer's own
 * archive and gives its size before its bytes, so every layer is produced twice: a checksum pass, for all
 * layers at once on a pool of threads, then a streaming pass in order, as soon as the next layer's
 * checksum is known. Both passes write from one plan of the layer, made by a single walk; the streaming
 * pass looks at each file once more and fails when it is not the one that was planned. Nothing is stored
 * but plans: contents go from the file system through a few shared buffers to the output.
 */
import type { Writable } from 'node:stream'
import { ImageError } from './errors.js'
import type { BuildEvent, Emit } from './events.js'
import { overlayEnv } from './image/env.js'
import type { Layer } from './image/layer.js'
import { baseLayers, customisationLayer, storeLayer } from './image/sources.js'
import type { ByteOutput } from './outputs/byte-output.js'
import { type DockerArchiveResult, writeDockerArchive } from './outputs/docker-archive.js'
import { FdOutput } from './outputs/fd-output.js'
import { WritableOutput } from './outputs/writable-output.js'
import { LayerPool } from './pool/pool.js'
import { Streamer } from './pool/streamer.js'
import { threadCount } from './pool/threads.js'
import { type Conf, readConf } from './spec/conf.js'

export interface BuildOptions {
  /** Path of a conf.json, or a configuration from {@link parseConf}. */
  conf: string | Conf
  /** Where the image goes: a stream, which is left open, or an open file descriptor. */
  output: Writable | number
  /** Takes the place of the configuration's `repo_tag`. */
  repoTag?: string | undefined
  /** How many checksum passes run at once. Default: the machine's parallelism, bounded by `NIX_BUILD_CORES`. */
  threads?: number | undefined
  /** Stops the build; it then rejects with ABORTED. */
  signal?: AbortSignal | undefined
  /** Called for every {@link BuildEvent}. */
  onEvent?: ((event: BuildEvent) => void) | undefined
}

export type BuildResult = DockerArchiveResult

/**
 * Builds the image that a configuration describes and writes it as a docker-archive.
 * @throws ImageError with one of the stable codes; the output is then incomplete: it lacks the end of the archive
 */
export async function buildImage(options: BuildOptions): Promise<BuildResult> {
  const { signal, onEvent } = options
  signal?.throwIfAborted()
  const emit: Emit = onEvent ?? (() => {})
  const conf = typeof options.conf === 'string' ? readConf(options.conf) : options.conf
  const output: ByteOutput =
    typeof options.output === 'number' ? new FdOutput(options.output) : new WritableOutput(options.output)
  const pool = new LayerPool(threadCount(options.threads))
  const streamer = new Streamer()
  const abort = (): void => {
    const reason = new ImageError('ABORTED', 'the build was aborted', { cause: signal?.reason })
    streamer.close(reason)
    output.abort(reason)
  }
  signal?.addEventListener('abort', abort)
  try {
    const opening = conf.fromImage === null ? undefined : pool.run('openBase', { path: conf.fromImage })
    const startLayers = conf.storeLayers.map((paths) => storeLayer(paths, conf, pool, emit))
    const startCustomisation = customisationLayer(conf, pool, emit)
    const base = await opening
    if (base === undefined) emit({ type: 'no-base' })
    const layers: Layer[] = [
      ...(base === undefined ? [] : baseLayers(base, pool, streamer)),
      ...startLayers.map((start) => start(streamer)),
      startCustomisation(streamer),
    ]
    const { created, architecture, mtime } = conf
    const config = base === undefined ? conf.config : overlayEnv(conf.config, base.env)
    const image = { layers, created, architecture, mtime, config, repoTag: options.repoTag || conf.repoTag }
    const result = await writeDockerArchive(image, output, emit)
    emit({ type: 'done' })
    return result
  } catch (error) {
    output.abort(error as Error)
    streamer.close(new ImageError('ABORTED', 'the build has failed', { cause: error }))
    throw error
  } finally {
    signal?.removeEventListener('abort', abort)
    await pool.close()
  }
}
