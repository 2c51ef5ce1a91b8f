/** What every verb runs in: threads, a cache, temporary files and an abort signal, which all end with it. */
import { setMaxListeners } from 'node:events'
import type { DigestCache } from './cache/digest-cache.js'
import { LayerMemory } from './cache/layer-memory.js'
import { aborted, asImageError, checkAborted } from './errors.js'
import { Scratch } from './files/scratch.js'
import { checkReadOptions, type DeliveryOptions } from './options.js'
import { LayerPool, type OnWork } from './pool/pool.js'
import { threadCount } from './pool/threads.js'
import { Workshop } from './pool/workshop.js'
import type { OpenContext } from './sources/any.js'
import type { TransportContext } from './transports/transport.js'
import { parsePlace } from './transports.js'
import { ChecksumPasses } from './writers/checksum-passes.js'

/** A verb under way. */
export interface Run extends OpenContext {
  passes: ChecksumPasses
  /** What transports open places with. */
  context: TransportContext
}

/**
 * Runs a verb, and ends all that belongs to it.
 * @param isDry whether destinations and caches are only looked at @throws ImageError
 */
export async function inRun<T>(
  options: DeliveryOptions,
  run: (run: Run) => Promise<T>,
  isDry = false,
): Promise<T> {
  checkReadOptions(options)
  const end = new AbortController()
  const signal = options.signal === undefined ? end.signal : AbortSignal.any([options.signal, end.signal])
  // Any number of waits end with it.
  setMaxListeners(0, signal)
  checkAborted(signal)
  const emit = options.onEvent ?? (() => {})
  /** What a listener threw while a thread was told of: the run ends with it. */
  let failure: { error: unknown } | undefined
  const onWork: OnWork = (task, subject, work) => {
    try {
      emit({ type: 'worked', task, subject, ...work })
    } catch (error) {
      failure ??= { error }
      end.abort()
    }
  }
  // The first worker starts while this thread loads the rest.
  const threads = threadCount(options.threads)
  const pool = new LayerPool(threads, signal, undefined, onWork)
  const scratch = new Scratch()
  const closing: (() => Promise<void>)[] = []
  const onEnd = (close: () => Promise<void>): void => void closing.push(close)
  try {
    const warn = (message: string): void => emit({ type: 'warning', message })
    const workshop = new Workshop(pool, threads, scratch.file)
    const cache = await openCache(options.cache, warn, signal, !isDry)
    if (cache !== undefined) onEnd(() => cache.close())
    const memory = new LayerMemory(cache)
    const context: TransportContext = { options, workshop, signal, isDry, notice: warn, onEnd }
    const result = await run({
      workshop,
      memory,
      passes: new ChecksumPasses(memory, emit),
      emit,
      signal,
      context,
      openImage: (name) => parsePlace(name).source(context),
      queryNarHashes: async (paths, wanted = memory.isOn) => {
        if (!wanted) return undefined
        const { queryNarHashes } = await import('./cache/nar-hashes.js')
        return queryNarHashes(paths, undefined, signal)
      },
    })
    if (failure !== undefined) throw failure.error
    return result
  } catch (error) {
    throw options.signal?.aborted
      ? aborted(options.signal.reason)
      : asImageError(failure === undefined ? error : failure.error, 'INTERNAL', 'unexpected failure')
  } finally {
    end.abort()
    await Promise.all([pool.close(), ...closing.map((close) => close())])
    scratch.remove()
  }
}

async function openCache(
  place: string | undefined,
  warn: (message: string) => void,
  signal: AbortSignal,
  make: boolean,
): Promise<DigestCache | undefined> {
  if (place === undefined) return undefined
  const { DigestCache } = await import('./cache/digest-cache.js')
  return DigestCache.open(place, warn, signal, make)
}
