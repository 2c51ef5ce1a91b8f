/**
 * An image to destinations by name, all in one run: each layer is planned once for all of them, and its
 * blob is made once for all that take blobs.
 */
import { closeSync, openSync, statSync } from 'node:fs'
import { ImageError, systemReason } from './errors.js'
import { baseContents, customisationContent, storeContent } from './image/contents.js'
import { overlayEnv } from './image/env.js'
import type { Build, BuildOptions, BuildResult } from './options.js'
import type { BlobDestination } from './outputs/blob-destination.js'
import { deliverBlobs } from './outputs/blob-image.js'
import { type Destination, parseDestination } from './outputs/destination.js'
import { type ImageContents, writeDockerArchiveFile } from './outputs/docker-archive-file.js'
import { FdOutput } from './outputs/fd-output.js'
import { OciArchive } from './outputs/oci-archive.js'
import { OciLayout } from './outputs/oci-layout.js'
import { RegistryDestination } from './outputs/registry.js'
import { Scratch } from './scratch.js'
import { streamImage } from './stream-image.js'

/** @throws ImageError; what was named is then not there, or as before */
export async function deliverImage(build: Build, names: readonly string[]): Promise<BuildResult> {
  const destinations = names.map((name) => ({ name, ...parseDestination(name) }))
  if (destinations.length === 0)
    throw new ImageError('DESTINATION_INVALID', 'expected an output or destinations, found neither')
  const scratch = new Scratch()
  try {
    const image = await Promise.race([contentsOf(build, scratch), build.aborted])
    const results: BuildResult[] = []
    const takers: Parameters<typeof openTaker>[0][] = []
    for (const destination of destinations) {
      if (destination.transport !== 'docker-archive') takers.push(destination)
      else results.push(await writeArchive(destination, image, build))
    }
    if (takers.length > 0) results.push(await writeBlobs(takers, image, build, scratch))
    return Object.assign({}, ...results, {
      destinations: results.flatMap((result) => result.destinations ?? []),
    })
  } finally {
    scratch.remove()
  }
}

async function contentsOf({ conf, pool, emit, narHashes }: Build, scratch: Scratch): Promise<ImageContents> {
  const { fromImage, created, architecture, mtime, repoTag } = conf
  const stores = conf.storeLayers.map((paths) => storeContent(paths, conf, pool, narHashes))
  const customisation = customisationContent(conf, pool)
  const base = fromImage === null ? undefined : await pool.run('openBase', { path: fromImage }, fromImage)
  if (base === undefined) emit({ type: 'no-base' })
  return {
    layers: [...(base === undefined ? [] : baseContents(base, pool, scratch.file)), ...stores, customisation],
    created,
    architecture,
    mtime,
    config: base === undefined ? conf.config : overlayEnv(conf.config, base.env),
    repoTag,
  }
}

async function writeArchive(
  { name, path }: { name: string; path: string },
  image: ImageContents,
  build: Build,
): Promise<BuildResult> {
  const result = isStream(path)
    ? await streamTo(path, build)
    : await writeDockerArchiveFile(image, path, build)
  return { ...result, destinations: [{ name, bytes: result.bytes! }] }
}

async function writeBlobs(
  takers: readonly Parameters<typeof openTaker>[0][],
  image: ImageContents,
  build: Build,
  scratch: Scratch,
): Promise<BuildResult> {
  const { options, pool, emit, cache, threads, aborted } = build
  const kind =
    options.compression?.kind ?? (takers.some(({ transport }) => transport === 'docker') ? 'gzip' : 'none')
  const compression = { kind, level: options.compression?.level ?? DEFAULT_LEVEL[kind] }
  const opened: BlobDestination[] = []
  try {
    for (const taker of takers) opened.push(openTaker(taker, options))
    const delivery = deliverBlobs(image, opened, {
      pool,
      emit,
      compression,
      cache,
      threads,
      makeFile: scratch.file,
    })
    const { outcomes, ...result } = await Promise.race([delivery, aborted])
    return {
      ...result,
      destinations: takers.map(({ name }, i) => ({
        name,
        manifestDigest: result.manifestDigest,
        ...outcomes[i]!,
      })),
    }
  } finally {
    await Promise.all(opened.map((destination) => destination.close()))
  }
}

const DEFAULT_LEVEL = { none: 0, gzip: 4, zstd: 3 } as const

function openTaker(
  taker: { name: string } & Exclude<Destination, { transport: 'docker-archive' }>,
  { registry = {}, previous }: BuildOptions,
): BlobDestination {
  const { name } = taker
  if (taker.transport === 'docker') return new RegistryDestination(name, taker.reference, registry, previous)
  const { path, tag } = taker
  return taker.transport === 'oci' ? new OciLayout(name, path, tag) : new OciArchive(name, path, tag)
}

/** Whether something is there that takes bytes but is no file: a pipe by name, `/dev/null`, `/dev/stdout`. */
function isStream(path: string): boolean {
  const there = statSync(path, { throwIfNoEntry: false })
  return there !== undefined && !there.isFile() && !there.isDirectory()
}

async function streamTo(path: string, build: Build): Promise<BuildResult> {
  const fd = open(path)
  try {
    return await streamImage(build, await FdOutput.open(fd))
  } finally {
    closeSync(fd)
  }
}

function open(path: string): number {
  try {
    return openSync(path, 'w')
  } catch (error) {
    throw new ImageError('OUTPUT_FAILED', `cannot write ${path}: ${systemReason(error)}`, { cause: error })
  }
}
