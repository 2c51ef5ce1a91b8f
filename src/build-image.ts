/**
 * The whole build on one screen. An image archive names each layer by the SHA-256 of the layer's own
 * archive and gives its size before its bytes, so every layer is produced twice: a checksum pass, for all
 * layers at once on a pool of threads, then a streaming pass in order, as soon as the next layer's
 * checksum is known. Both passes write from one plan of the layer, made by a single walk; the streaming
 * pass looks at each file once more and fails when it is not the one that was planned. Nothing is stored
 * but plans: contents go from the file system through a few shared buffers to the output.
 */
import type { Writable } from 'node:stream'
import { asImageError, ImageError } from './errors.js'
import type { BuildEvent, Emit } from './events.js'
import type { Layer } from './image/layer.js'
import type { ByteOutput } from './outputs/byte-output.js'
import type { DockerArchiveResult } from './outputs/docker-archive.js'
import { LayerPool } from './pool/pool.js'
import { threadCount } from './pool/threads.js'
import type { Conf } from './spec/conf.js'

/** What to build, where to, and how. */
export interface BuildOptions {
  /** Path of a conf.json, or a configuration from {@link parseConf}. */
  conf: string | Conf
  /** Where the image goes: a stream, which is left open, or an open file descriptor. */
  output: Writable | number
  /** Takes the place of the configuration's `repo_tag`. */
  repoTag?: string | undefined
  /** How many checksum passes run at once. Default: the machine's parallelism, bounded by `NIX_BUILD_CORES`. */
  threads?: number | undefined
  /**
   * Hashes every store layer a second time, while it is streamed. Default: only layers with files that
   * changed in the last two seconds; of others size, inode, mtime and ctime are looked at again.
   */
  verify?: boolean | undefined
  /** Stops the build; it then rejects with ABORTED. */
  signal?: AbortSignal | undefined
  /** Called for every {@link BuildEvent}. */
  onEvent?: ((event: BuildEvent) => void) | undefined
}

/** The image ID, each layer's digest (hex) and size (bytes), and the size of the whole archive. */
export type BuildResult = DockerArchiveResult

/**
 * Builds the image that a configuration describes and writes it as a docker-archive.
 * @throws ImageError with one of the stable codes; the output is then incomplete: it lacks the end of the archive
 */
export async function buildImage(options: BuildOptions): Promise<BuildResult> {
  const abortion = onAbort(options.signal)
  // The first worker starts while this thread loads the rest.
  const pool = new LayerPool(threadCount(options.threads))
  try {
    const { readConf } = await import('./spec/conf.js')
    const conf = typeof options.conf === 'string' ? readConf(options.conf) : options.conf
    return await build(conf, pool, await openOutput(options.output), abortion, options)
  } finally {
    abortion.forget()
    await pool.close()
  }
}

async function build(
  conf: Conf,
  pool: LayerPool,
  output: ByteOutput,
  abortion: Abortion,
  options: BuildOptions,
): Promise<BuildResult> {
  const { baseLayers, customisationLayer, storeLayer } = await import('./image/sources.js')
  const { Streamer } = await import('./pool/streamer.js')
  const { overlayEnv } = await import('./image/env.js')
  const { writeDockerArchive } = await import('./outputs/docker-archive.js')

  const emit: Emit = options.onEvent ?? (() => {})
  const streamer = new Streamer()
  const write = async (): Promise<BuildResult> => {
    const opening =
      conf.fromImage === null ? undefined : pool.run('openBase', { path: conf.fromImage }, conf.fromImage)
    const verify = options.verify === true
    const storeLayers = conf.storeLayers.map((paths) => storeLayer(paths, conf, pool, emit, verify))
    const customisation = customisationLayer(conf, pool, emit)
    const base = await opening
    if (base === undefined) emit({ type: 'no-base' })
    const layers: Layer[] = [
      ...(base === undefined ? [] : baseLayers(base, pool, streamer)),
      ...storeLayers.map((start) => start(streamer)),
      customisation,
    ]
    const { created, architecture, mtime } = conf
    const config = base === undefined ? conf.config : overlayEnv(conf.config, base.env)
    const image = { layers, created, architecture, mtime, config, repoTag: options.repoTag || conf.repoTag }
    return writeDockerArchive(image, output, emit)
  }
  try {
    const result = await Promise.race([write(), abortion.promise])
    emit({ type: 'done' })
    return result
  } catch (error) {
    streamer.close(asImageError(error, 'ABORTED', 'the build has failed'))
    output.abort(error as Error)
    throw error
  }
}

interface Abortion {
  /** Rejects with ABORTED when the signal says so. */
  promise: Promise<never>
  forget(): void
}

function onAbort(signal: AbortSignal | undefined): Abortion {
  let forget = (): void => {}
  const promise = new Promise<never>((_, reject) => {
    const abort = (): void =>
      reject(new ImageError('ABORTED', 'the build was aborted', { cause: signal?.reason }))
    if (signal?.aborted) abort()
    signal?.addEventListener('abort', abort)
    forget = () => signal?.removeEventListener('abort', abort)
  })
  promise.catch(() => {})
  return { promise, forget }
}

async function openOutput(output: Writable | number): Promise<ByteOutput> {
  if (typeof output === 'number') {
    const { FdOutput } = await import('./outputs/fd-output.js')
    return await FdOutput.open(output)
  }
  const { WritableOutput } = await import('./outputs/writable-output.js')
  return new WritableOutput(output)
}
