/** What a build runs in: threads, a cache, temporary files and an abort signal, which all end with it. */
import { tmpdir } from 'node:os'
import type { DigestCache } from './cache/digest-cache.js'
import { LayerMemory } from './cache/layer-memory.js'
import type { NarHashes } from './cache/nar-hashes.js'
import { aborted, asImageError, checkAborted, ImageError } from './errors.js'
import { expectApart, type NamedPath } from './files/apart.js'
import { WholeFile } from './files/partial-file.js'
import { Scratch } from './files/scratch.js'
import { DEFAULT_COMPRESSION } from './model/compression.js'
import type { Destination } from './model/destination.js'
import type { Image } from './model/image.js'
import type { DeliveryOptions } from './options.js'
import { LayerPool } from './pool/pool.js'
import { threadCount } from './pool/threads.js'
import { Workshop } from './pool/workshop.js'
import type { Place, TransportContext } from './transports/transport.js'
import { parsePlace } from './transports.js'
import { ChecksumPasses } from './writers/checksum-passes.js'
import type { WriteContext } from './writers/written.js'

/** One build under way. */
export interface Build extends WriteContext {
  /** Where the image goes, in the order in which it was asked for; all of it is open. */
  destinations: readonly Destination[]
  /** What is written to on this machine. */
  written: readonly NamedPath[]
  /** Takes the digest at the end. */
  digestFile: WholeFile | undefined
  /** Opens an image that is named as destinations are. @throws ImageError */
  openImage(name: string): Promise<Image>
  /** The Nix store's hashes, where keys of layers can save work. @param wanted whether they can in any case */
  queryNarHashes(paths: readonly string[], wanted?: boolean): Promise<NarHashes | undefined>
}

/**
 * Runs a build, and ends all that belongs to it.
 * @param readFrom files that no destination may take the place of @param images how many images there are
 * @throws ImageError
 */
export async function inBuild<T>(
  options: DeliveryOptions,
  run: (build: Build) => Promise<T>,
  readFrom: readonly NamedPath[] = [],
  images: 'one' | 'several' = 'one',
): Promise<T> {
  const end = new AbortController()
  const signal = options.signal === undefined ? end.signal : AbortSignal.any([options.signal, end.signal])
  checkAborted(signal)
  const places = (options.destinations ?? []).map(parsePlace)
  if (images === 'several') expectIndexTakers(places)
  const { written, files } = writtenBy(places, options)
  expectApart(files, readFrom)
  checkOthers(options, places)
  // The first worker starts while this thread loads the rest.
  const threads = threadCount(options.threads)
  const pool = new LayerPool(threads, signal)
  const scratch = new Scratch()
  const closing: (() => Promise<void>)[] = []
  const onEnd = (close: () => Promise<void>): void => void closing.push(close)
  try {
    const { compression } = options
    const emit = options.onEvent ?? (() => {})
    const warn = (message: string): void => emit({ type: 'warning', message })
    const workshop = new Workshop(pool, threads, scratch.file)
    const cache = await openCache(options.cache, warn, signal)
    if (cache !== undefined) onEnd(() => cache.close())
    const memory = new LayerMemory(cache)
    const context: TransportContext = { options, workshop, signal, notice: warn, onEnd }
    const destinations: Destination[] = []
    if (options.output !== undefined) destinations.push(await callersOutput(options.output))
    for (const place of places) destinations.push(await place.destination(context))
    const digestFile = options.digestFile === undefined ? undefined : WholeFile.open(options.digestFile)
    if (digestFile !== undefined) onEnd(async () => digestFile.discard())
    const needsKeys = cache !== undefined || places.some(({ takesBlobs }) => takesBlobs)
    return await run({
      workshop,
      memory,
      passes: new ChecksumPasses(memory, emit),
      emit,
      verify: options.verify === true,
      compression: compression && {
        kind: compression.kind,
        level: compression.level ?? DEFAULT_COMPRESSION[compression.kind].level,
      },
      annotations: options.annotations,
      signal,
      destinations,
      written,
      digestFile,
      openImage: (name) => parsePlace(name).source(context),
      queryNarHashes: async (paths, wanted = needsKeys) => {
        if (!wanted) return undefined
        const { queryNarHashes } = await import('./cache/nar-hashes.js')
        return queryNarHashes(paths, undefined, signal)
      },
    })
  } catch (error) {
    throw options.signal?.aborted
      ? aborted(options.signal.reason)
      : asImageError(error, 'INTERNAL', 'unexpected failure')
  } finally {
    end.abort()
    await Promise.all([pool.close(), ...closing.map((close) => close())])
    scratch.remove()
  }
}

/** @throws ImageError DESTINATION_INVALID */
function expectIndexTakers(places: readonly Place[]): void {
  const other = places.find(({ takesBlobs }) => !takesBlobs)
  if (other === undefined) return
  const name = other.path === '-' ? 'standard output' : other.name
  throw new ImageError('DESTINATION_INVALID', `${name}: expected one configuration, found several`, {
    hint: 'an index of images goes to docker://HOST/REPOSITORY, oci:DIR or oci-archive:FILE',
  })
}

/** @returns what is written to, and of that what nothing else may be written to */
function writtenBy(
  places: readonly Place[],
  { digestFile }: DeliveryOptions,
): { written: NamedPath[]; files: NamedPath[] } {
  const named = ({ name, path }: Place): NamedPath[] => (path === undefined ? [] : [{ name, path }])
  const digests = digestFile === undefined ? [] : [{ name: digestFile, path: digestFile }]
  const all = [...places.flatMap(named), ...digests].filter(({ path }) => path !== '-')
  // Into a pipe nothing is stored on its way.
  if (all.length > 0 || places.some(({ takesBlobs }) => takesBlobs))
    all.push({ name: `TMPDIR ${tmpdir()}`, path: tmpdir() })
  return {
    written: all,
    files: [...places.filter(({ isFile }) => isFile).flatMap(named), ...digests],
  }
}

/** @throws ImageError OPTION_INVALID, DESTINATION_INVALID when other images are named that are of no use */
function checkOthers(options: DeliveryOptions, places: readonly Place[]): void {
  const { previous, registry } = options
  const takers = places.filter((place) => place.checkOthers !== undefined)
  for (const [option, name] of Object.entries({ previous, mountFrom: registry?.mountFrom })) {
    if (name === undefined || takers.length > 0) continue
    throw new ImageError(
      'OPTION_INVALID',
      `${option}: expected a registry among the destinations, found none`,
    )
  }
  for (const place of takers) place.checkOthers!(options)
}

async function openCache(
  place: string | undefined,
  warn: (message: string) => void,
  signal: AbortSignal,
): Promise<DigestCache | undefined> {
  if (place === undefined) return undefined
  const { DigestCache } = await import('./cache/digest-cache.js')
  return DigestCache.open(place, warn, signal)
}

async function callersOutput(output: NonNullable<DeliveryOptions['output']>): Promise<Destination> {
  if (typeof output === 'number') {
    const { FdOutput } = await import('./outputs/fd-output.js')
    return { shape: 'in-order', name: undefined, output: await FdOutput.open(output) }
  }
  const { WritableOutput } = await import('./outputs/writable-output.js')
  return { shape: 'in-order', name: undefined, output: new WritableOutput(output) }
}
