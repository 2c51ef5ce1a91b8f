/** What a build runs in: a run with the destinations that the image goes to. */
import { tmpdir } from 'node:os'
import { checkAborted, ImageError } from './errors.js'
import { expectApart, type NamedPath } from './files/apart.js'
import { WholeFile } from './files/partial-file.js'
import { expectWritable } from './files/target.js'
import { inRun, type Run } from './in-run.js'
import type { Destination } from './model/destination.js'
import type { Digest } from './model/digest.js'
import { blobCompression, checkOptions, type DeliveryOptions } from './options.js'
import { namedPath, type Place } from './transports/transport.js'
import { parsePlace } from './transports.js'
import type { AttachOptions } from './writers/attach.js'
import { UnderWay } from './writers/under-way.js'
import type { Attach, Finished, WriteContext } from './writers/written.js'

/** One build under way. */
export interface Build extends Run, WriteContext {
  /** Where the image goes, in the order in which it was asked for; all of it is open. */
  destinations: readonly Destination[]
  /** What is written to on this machine. */
  written: readonly NamedPath[]
  /** Takes the digest at the end. */
  digestFile: WholeFile | undefined
}

/**
 * Runs a build, and ends all that belongs to it.
 * @param readFrom files that no destination may take the place of
 * @param how.images how many images there are @param how.isDry whether destinations are only looked at
 * @throws ImageError
 */
export async function inBuild<T>(
  options: DeliveryOptions & AttachOptions,
  run: (build: Build) => Promise<T>,
  readFrom: readonly NamedPath[] = [],
  { images = 'one', isDry = false }: { images?: 'one' | 'several'; isDry?: boolean } = {},
): Promise<T> {
  checkOptions(options)
  checkAborted(options.signal)
  const places = (options.destinations ?? []).map(parsePlace)
  if (images === 'several') expectIndexTakers(places)
  const { written, files } = writtenBy(places, options)
  expectApart(files, readFrom)
  checkOthers(options, places)
  return inRun(
    options,
    async (base) => {
      const destinations: Destination[] = []
      if (options.output !== undefined) destinations.push(await callersOutput(options.output))
      for (const place of places) destinations.push(await place.destination(base.context))
      if (options.digestFile !== undefined && isDry) expectWritable(options.digestFile)
      const digestFile =
        options.digestFile === undefined || isDry ? undefined : WholeFile.open(options.digestFile)
      if (digestFile !== undefined) base.context.onEnd(async () => digestFile.discard())
      const underWay = new UnderWay(base.emit)
      base.context.onEnd(async () => underWay.close())
      const needsKeys = base.memory.isOn || places.some(({ takesBlobs }) => takesBlobs)
      const build: Build = {
        ...base,
        underWay,
        verify: options.verify === true,
        compression: options.compression && blobCompression(options.compression),
        annotations: options.annotations,
        attach: undefined,
        destinations,
        written,
        digestFile,
        queryNarHashes: (paths, wanted = needsKeys) => base.queryNarHashes(paths, wanted),
      }
      return run({ ...build, attach: await attachments(options, build) })
    },
    isDry,
  )
}

/**
 * What is finished at all destinations appears, and the digest last.
 * @param digest of the manifest or the image config @throws ImageError OUTPUT_FAILED, REGISTRY_FAILED, ENGINE_FAILED
 */
export async function conclude(
  digest: Digest,
  finished: readonly Pick<Finished, 'publish'>[],
  { digestFile, memory, emit, signal }: Build,
): Promise<void> {
  await digestFile?.finish(digest)
  for (const { publish } of finished) await publish()
  await digestFile?.publish(signal)
  if (memory.known !== undefined) emit({ type: 'layers-known', count: memory.known })
  if (memory.isOn) emit({ type: 'cache-used', ...memory.counts })
  emit({ type: 'done' })
}

export function ofShape<S extends Destination['shape']>(
  destinations: readonly Destination[],
  shape: S,
): Extract<Destination, { shape: S }>[] {
  return destinations.filter((it): it is Extract<Destination, { shape: S }> => it.shape === shape)
}

/** @returns undefined when nothing is to be attached @throws ImageError OPTION_INVALID */
async function attachments(options: AttachOptions, build: Build): Promise<Attach | undefined> {
  const { referrers, sbom, provenance, signer } = options
  if (!referrers && !provenance && sbom === undefined && signer === undefined) return undefined
  const { attachWith } = await import('./writers/attach.js')
  return attachWith({ referrers, sbom, provenance, signer }, build)
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

/** @returns what is written to, and of that the files and layouts of the image */
function writtenBy(
  places: readonly Place[],
  { digestFile, cache }: DeliveryOptions,
): { written: NamedPath[]; files: NamedPath[] } {
  const digests = digestFile === undefined ? [] : [{ name: digestFile, path: digestFile }]
  const files = [...places.flatMap(namedPath), ...digests]
  const all = files.filter(({ path }) => path !== '-')
  // Into a pipe nothing is stored on its way.
  if (all.length > 0 || places.some(({ takesBlobs }) => takesBlobs))
    all.push({ name: `TMPDIR ${tmpdir()}`, path: tmpdir() })
  if (cache !== undefined && !/^rediss?:/i.test(cache)) all.push({ name: `cache ${cache}`, path: cache })
  return { written: all, files }
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

async function callersOutput(output: NonNullable<DeliveryOptions['output']>): Promise<Destination> {
  if (typeof output === 'number') {
    const { FdOutput } = await import('./outputs/fd-output.js')
    return { shape: 'in-order', name: undefined, output: await FdOutput.open(output) }
  }
  const { WritableOutput } = await import('./outputs/writable-output.js')
  return { shape: 'in-order', name: undefined, output: new WritableOutput(output) }
}
