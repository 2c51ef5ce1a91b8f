/** A build from its options to its result: what all ways of building have in common. */
import type { Writable } from 'node:stream'
import type { DigestCache } from './cache/digest-cache.js'
import type { NarHashes } from './cache/nar-hashes.js'
import { ImageError } from './errors.js'
import type { Emit } from './events.js'
import type { Build, BuildOptions, BuildResult } from './options.js'
import type { ByteOutput } from './outputs/byte-output.js'
import { LayerPool } from './pool/pool.js'
import { threadCount } from './pool/threads.js'
import type { Conf } from './spec/conf.js'

/**
 * Builds the image that a configuration describes, and writes it as a docker-archive to `output`, or
 * delivers it to `destinations`.
 * @throws ImageError with one of the stable codes. An output is then incomplete, it lacks the end of the
 *   archive; files that were named are not there, or as before
 */
export async function buildImage(options: BuildOptions): Promise<BuildResult> {
  const abortion = onAbort(options.signal)
  // The first worker starts while this thread loads the rest.
  const threads = threadCount(options.threads)
  const pool = new LayerPool(threads)
  const emit = options.onEvent ?? (() => {})
  let cache: DigestCache | undefined
  try {
    const { readConf } = await import('./spec/conf.js')
    const conf = typeof options.conf === 'string' ? readConf(options.conf) : options.conf
    const { narHashes } = await startNarHashes(conf, options)
    const named = { ...conf, repoTag: options.repoTag || conf.repoTag }
    cache = await openCache(options.cache, emit)
    const { promise: aborted } = abortion
    const result = await run(
      { conf: named, pool, threads, emit, cache, narHashes, aborted, options },
      options,
    )
    emit({ type: 'done' })
    return result
  } finally {
    abortion.forget()
    await Promise.all([pool.close(), cache?.close()])
  }
}

/** Asks Nix while the rest is loaded, where an answer can save work: for a cache, and where layers go as blobs. */
async function startNarHashes(conf: Conf, options: BuildOptions): Promise<{ narHashes: NarHashes }> {
  const asBlobs = options.destinations?.some((name) => /^(oci|oci-archive|docker):/.test(name))
  if (options.cache === undefined && !asBlobs) return { narHashes: Promise.resolve(undefined) }
  const { queryNarHashes } = await import('./cache/nar-hashes.js')
  return { narHashes: queryNarHashes(conf.storeLayers.flat()) }
}

async function openCache(place: string | undefined, emit: Emit): Promise<DigestCache | undefined> {
  if (place === undefined) return undefined
  const { openStore } = await import('./cache/store.js')
  const { DigestCache } = await import('./cache/digest-cache.js')
  return new DigestCache(await openStore(place), (message) => emit({ type: 'warning', message }))
}

async function run(build: Build, { output, destinations }: BuildOptions): Promise<BuildResult> {
  if (output !== undefined) {
    const { streamImage } = await import('./stream-image.js')
    return streamImage(build, await openOutput(output))
  }
  const { deliverImage } = await import('./deliver-image.js')
  return deliverImage(build, destinations ?? [])
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
