/**
 * A build on one screen: a source gives an image, its layers are hashed and written by threads, destinations take it
 * in one of four shapes. A Piscina pool runs the checksum passes of all layers at once, bounded by p-limit; into a
 * pipe, the main thread then streams the layers in order, by piping each one's freshly produced archive into the
 * outer tar (`writers/in-order`). Into a file, workers write all layers at once, each at its offset
 * (`writers/at-offsets`). Blob stores get layers as blobs, in any order, and only those that they lack
 * (`writers/by-digest`). Engines are served the image as by a registry, and ask for what they lack (`writers/served`).
 */
import { ImageError } from './errors.js'
import { expectApart, expectOutside } from './files/apart.js'
import { type Build, inBuild } from './in-build.js'
import type { Destination } from './model/destination.js'
import type { Image } from './model/image.js'
import type { Layer } from './model/layer.js'
import {
  type BuildOptions,
  type CopyOptions,
  checkConf,
  checkOptions,
  type IndexOptions,
  namesOf,
} from './options.js'
import { repoTagProblem } from './registry/repo-tag.js'
import type { BuildResult, IndexResult } from './results.js'
import type { ConfImage } from './sources/conf.js'
import type { Conf } from './spec/conf.js'
import { namedPath } from './transports/transport.js'
import { parsePlace } from './transports.js'
import type { AttachOptions } from './writers/attach.js'
import { type Attach, type Finished, layersAt } from './writers/written.js'

/**
 * Builds the image that a configuration describes, and writes or delivers it.
 * @throws ImageError with one of the stable codes. An output is then incomplete, it lacks the end of the
 *   archive; files that were named are not there, or as before
 */
export async function buildImage(options: BuildOptions): Promise<BuildResult> {
  checkConf(options.conf)
  checkOptions(options)
  const readFrom = typeof options.conf === 'string' ? [{ name: 'the configuration', path: options.conf }] : []
  const run = async (build: Build): Promise<BuildResult> => {
    const attach = await attachments(options, build)
    const { own, whole } = await openImage(options.conf, options, build)
    return deliver(whole, own, { ...build, attach })
  }
  return inBuild(options, run, readFrom)
}

/** The image of a configuration, for verbs on it; and its own layers, which are known before it is. */
export async function openImage(
  from: string | Conf,
  options: Pick<BuildOptions, 'repoTag' | 'known'>,
  build: Build,
): Promise<ConfImage> {
  const conf = typeof from === 'string' ? await readConf(from, build) : from
  expectOutside(build.written, conf.storeLayers.flat())
  const asked = namesOf(options.repoTag)
  const names = asked.length > 0 ? asked : [conf.repoTag]
  for (const name of names) checkRepoTag(name, asked.length > 0, build)
  const { openKnownConf } = await import('./sources/any.js')
  return openKnownConf(conf, names, [...(options.known ?? []), ...(conf.knownLayers ?? [])], build)
}

/**
 * Builds the images that configurations describe, one for each platform, and delivers them as one image index.
 * @throws ImageError as {@link buildImage}; DESTINATION_INVALID for destinations that take one image
 */
export async function buildIndex(options: IndexOptions): Promise<IndexResult> {
  const { confs } = options
  if (!Array.isArray(confs) || confs.length === 0)
    throw new ImageError('OPTION_INVALID', 'confs: expected configurations, found none')
  for (const conf of confs) checkConf(conf)
  checkOptions(options)
  const files = confs.filter((conf) => typeof conf === 'string')
  const readFrom = files.map((path) => ({ name: 'the configuration', path }))
  return inBuild(
    options,
    async (build) => {
      const stores = ofShape(build.destinations, 'by-digest')
      const attach = await attachments(options, build)
      const opening = []
      for (const conf of confs) opening.push((await openImage(conf, options, build)).whole)
      const { writeIndex } = await import('./writers/image-index.js')
      const { result, publish } = await writeIndex(await Promise.all(opening), stores, { ...build, attach })
      await build.digestFile?.finish(result.manifestDigest)
      await publish()
      await build.digestFile?.publish(build.signal)
      tellEnd(build)
      return { ...result, ...(build.memory.isOn ? { cache: { ...build.memory.counts } } : {}) }
    },
    readFrom,
    { images: 'several' },
  )
}

async function readConf(name: string, { emit, signal }: Build): Promise<Conf> {
  const { openConfFile } = await import('./sources/conf-file.js')
  return openConfFile(name, (conf, where) => emit({ type: 'configuration-found', conf, where }), signal)
}

/**
 * The script writes any tag into its archive; so it is streamed, too, with a warning.
 * @throws ImageError OPTION_INVALID for one that goes into a file, or was asked for
 */
function checkRepoTag(tag: string, isAsked: boolean, { destinations, emit }: Build): void {
  const message = repoTagProblem(tag)
  if (message === undefined) return
  const goes = (shape: Destination['shape']): boolean => destinations.some((it) => it.shape === shape)
  if (goes('at-offsets') || (isAsked && goes('by-digest')))
    throw new ImageError('OPTION_INVALID', message, { hint: 'name it with -t NAME:TAG' })
  if (goes('in-order')) emit({ type: 'warning', message })
}

/**
 * Copies an image from wherever it is; layers that are blobs already stay as they are.
 * @throws ImageError as {@link buildImage}, IMAGE_INVALID
 */
export async function copyImage(options: CopyOptions): Promise<BuildResult> {
  checkOptions(options)
  return inBuild(options, async (build) => {
    const attach = await attachments(options, build)
    return deliver(openCopied(options, build), [], { ...build, attach })
  })
}

/**
 * The image that is copied, by the names that it gets.
 * @throws ImageError OPTION_INVALID, IMAGE_INVALID; DESTINATION_INVALID for a digest that would be written into its place
 */
export async function openCopied(
  { image: name, repoTag, referrers, digestFile }: CopyOptions,
  build: Build,
): Promise<Image> {
  if (digestFile !== undefined)
    expectApart([{ name: digestFile, path: digestFile }], namedPath(parsePlace(name)))
  const names = namesOf(repoTag)
  for (const name of names) checkRepoTag(name, true, build)
  const image = await build.openImage(name)
  if (referrers) {
    const { expectKept } = await import('./writers/attach.js')
    expectKept(image, build)
  }
  return names.length === 0 ? image : { ...image, names }
}

/** @returns undefined when nothing is asked for @throws ImageError OPTION_INVALID */
export async function attachments(options: AttachOptions, build: Build): Promise<Attach | undefined> {
  const { referrers, sbom, provenance, signer } = options
  if (!referrers && !provenance && sbom === undefined && signer === undefined) return undefined
  const { attachWith } = await import('./writers/attach.js')
  return attachWith({ referrers, sbom, provenance, signer }, build)
}

/** @param own layers that are known before the image is: their checksum passes need not wait for it */
async function deliver(opening: Promise<Image>, own: readonly Layer[], build: Build): Promise<BuildResult> {
  const files = ofShape(build.destinations, 'at-offsets')
  const stores = ofShape(build.destinations, 'by-digest')
  const engines = ofShape(build.destinations, 'served')
  const pipes = ofShape(build.destinations, 'in-order')
  if (pipes.length > 0) for (const layer of own) build.passes.of(layer)
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
    await build.digestFile?.finish(result.manifestDigest ?? result.imageId)
    for (const { publish } of finished) await publish()
    await build.digestFile?.publish(build.signal)
    tellEnd(build)
    return result
  } catch (error) {
    for (const { discard } of finished) await discard()
    throw error
  }
}

function tellEnd({ memory, emit }: Build): void {
  if (memory.known !== undefined) emit({ type: 'layers-known', count: memory.known })
  if (memory.isOn) emit({ type: 'cache-used', ...memory.counts })
  emit({ type: 'done' })
}

function ofShape<S extends Destination['shape']>(
  destinations: readonly Destination[],
  shape: S,
): Extract<Destination, { shape: S }>[] {
  return destinations.filter((it): it is Extract<Destination, { shape: S }> => it.shape === shape)
}

function resultOf(finished: readonly Finished[], { destinations, memory }: Build): BuildResult {
  const { imageId, layers } = finished[0]!
  const outcomes = new Map(finished.flatMap(({ outcomes }) => [...outcomes]))
  const named = destinations.flatMap((it) =>
    it.name === undefined ? [] : [{ name: it.name, ...outcomes.get(it)?.result }],
  )
  const bytes = finished.find((it) => it.bytes !== undefined)?.bytes
  const manifestDigest = named.find((it) => it.manifestDigest !== undefined)?.manifestDigest
  return {
    imageId,
    layers: layersAt(
      layers,
      destinations.map((it) => ({ name: it.name, layers: outcomes.get(it)?.layers ?? [] })),
    ),
    ...(bytes === undefined ? {} : { bytes }),
    ...(manifestDigest === undefined ? {} : { manifestDigest }),
    ...(named.length === 0 ? {} : { destinations: named }),
    ...(memory.isOn ? { cache: { ...memory.counts } } : {}),
  }
}
