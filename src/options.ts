/** What the library is asked for; checked here, once, for the command too. */
import type { Writable } from 'node:stream'
import { SBOM_FORMATS, type SbomFormat } from './attestations/sbom.js'
import type { Annotations } from './documents/oci-manifest.js'
import { ImageError } from './errors.js'
import {
  type BlobCompression,
  type BlobKind,
  DEFAULT_COMPRESSION,
  HIGHEST_LEVEL,
} from './model/compression.js'
import type { BuildEvent } from './model/events.js'
import type { RegistryOptions } from './registry/session.js'
import type { Conf } from './spec/conf.js'

/** What every verb takes that works with images. */
export interface ReadOptions {
  /** How many worker threads. Default: the machine's parallelism, bounded by `NIX_BUILD_CORES` and 12. */
  threads?: number | undefined
  /**
   * A directory, or `redis://HOST:PORT`, that remembers digests of layers, so that what has not changed is
   * not read for them again.
   */
  cache?: string | undefined
  /** How registries are spoken to. */
  registry?: Omit<RegistryOptions, 'onWait'> | undefined
  /** Stops it; it then rejects with ABORTED. */
  signal?: AbortSignal | undefined
  /** Called for every {@link BuildEvent}. */
  onEvent?: ((event: BuildEvent) => void) | undefined
}

/** Where an image goes, and how it is made. */
export interface DeliveryOptions extends ReadOptions {
  /**
   * Takes the place of the image's name; several: it has them all. A registry's repository without a tag of its own gets
   * the tag of each.
   */
  repoTag?: string | readonly string[] | undefined
  /** Of the manifest, and of the index where there is one (OCI image specification, "Annotations"). */
  annotations?: Annotations | undefined
  /** Where the image goes as a docker-archive: a stream, which is left open, or an open file descriptor. */
  output?: Writable | number | undefined
  /**
   * Where else the image goes, all in one run: `docker-archive:FILE` or just `FILE`, `oci-archive:FILE[:TAG]`,
   * `oci:DIR[:TAG]`, `docker://HOST/REPOSITORY[:TAG]`, `docker-daemon:[NAME[:TAG]]`, `containers-storage:[NAME[:TAG]]`,
   * `containerd:[NAME[:TAG]]`. All are finished before any appears, as far as each can.
   */
  destinations?: readonly string[] | undefined
  /**
   * Hashes every layer again on its way out, and reads also those that could be skipped. Default: only layers with
   * files that changed in the last two seconds; of others size, inode, mtime and ctime are looked at again.
   */
  verify?: boolean | undefined
  /** Default: gzip when one of the destinations is a registry, otherwise none; copied layers stay as they are. */
  compression?: CompressionOptions | undefined
  /**
   * An image whose layers may be the same: a tag or digest in the same repository, or `docker://HOST/REPOSITORY[:TAG]`
   * in the same registry. Default: the one that is replaced.
   */
  previous?: string | undefined
  /** The SBOM that is attached to the image in registries and image layouts. */
  sbom?: SbomFormat | undefined
  /**
   * A line for the shell that signs the image in registries and image layouts: it reads the descriptor of the manifest as
   * JSON, and prints the path of an image layout, whose manifests are attached.
   */
  signer?: string | undefined
  /** A file that the manifest's digest is written to; of docker-archives alone, the image ID. */
  digestFile?: string | undefined
}

/** What to build, where to, and how. */
export interface BuildOptions extends DeliveryOptions {
  /**
   * Path of a conf.json, plain or gzipped, of a directory that holds one, or of a script of `streamLayeredImage`; `-` is
   * standard input. Or a configuration from {@link parseConf}.
   */
  conf: string | Conf
  /** Whether the image's provenance is attached to it in registries and image layouts (SLSA, `provenance/v1`). */
  provenance?: boolean | undefined
  /** Layer files of layers that need no checksum pass, as `stream-layered-image layer` writes them. */
  known?: readonly string[] | undefined
}

/** What to build as one image for several platforms, and where to. */
export interface IndexOptions extends Omit<BuildOptions, 'conf' | 'output' | 'known'> {
  /** One for each platform, as {@link BuildOptions.conf}. */
  confs: readonly (string | Conf)[]
}

/** What to copy, and where to. */
export interface CopyOptions extends DeliveryOptions {
  /** An image, named as destinations are. */
  image: string
  /** Whether what is about the image comes along: signatures, SBOMs, attestations, and what is about these. */
  referrers?: boolean | undefined
}

/** How layers are compressed where they go as blobs, which is everywhere but in a docker-archive. */
export interface CompressionOptions {
  kind: BlobKind
  /** gzip: 1 to 9, zstd: 1 to 19. Default: gzip 4, zstd 3. */
  level?: number | undefined
}

/**
 * But for those that every verb has ({@link checkReadOptions}).
 * @throws ImageError OPTION_INVALID naming the option; what callers without types may get wrong is found too
 */
export function checkOptions(options: DeliveryOptions): void {
  const { output, destinations = [], compression, digestFile } = options
  const { repoTag, annotations = {}, sbom, signer } = options
  if (output === undefined && destinations.length === 0)
    throw invalid('destinations', 'an output or a destination', 'neither')
  if (typeof output === 'number' ? !(Number.isInteger(output) && output >= 0) : output && !isWritable(output))
    throw invalid('output', 'a Writable or an open file descriptor', output)
  if (!Array.isArray(destinations) || !destinations.every((name) => typeof name === 'string'))
    throw invalid('destinations', 'a list of strings', destinations)
  if (compression !== undefined) blobCompression(compression)
  if (![repoTag ?? []].flat().every((name) => typeof name === 'string'))
    throw invalid('repoTag', 'a name, or a list of names', repoTag)
  checkAnnotations(annotations)
  checkSbomFormat('sbom', sbom)
  if (signer !== undefined && (typeof signer !== 'string' || signer === ''))
    throw invalid('signer', 'a line for the shell', signer)
  if (digestFile !== undefined && (typeof digestFile !== 'string' || digestFile === ''))
    throw invalid('digestFile', 'the path of a file', digestFile)
}

/** @throws ImageError OPTION_INVALID, as {@link checkOptions} */
export function checkReadOptions({ threads, cache, signal, onEvent }: ReadOptions): void {
  if (threads !== undefined && !(Number.isInteger(threads) && threads >= 1 && threads <= MAX_THREADS))
    throw invalid('threads', `a whole number from 1 to ${MAX_THREADS}`, threads)
  if (cache !== undefined && (typeof cache !== 'string' || cache === ''))
    throw invalid('cache', 'a directory or redis://HOST:PORT', cache)
  if (signal !== undefined && !(signal instanceof AbortSignal))
    throw invalid('signal', 'an AbortSignal', signal)
  if (onEvent !== undefined && typeof onEvent !== 'function') throw invalid('onEvent', 'a function', onEvent)
}

/** The names that are asked for, each once; an empty one asks for none. */
export function namesOf(repoTag: DeliveryOptions['repoTag']): string[] {
  return [...new Set([repoTag ?? []].flat())].filter((name) => name !== '')
}

/** More threads than any machine has cores. */
const MAX_THREADS = 1024

function checkAnnotations(annotations: unknown): void {
  const isRecord = typeof annotations === 'object' && annotations !== null && !Array.isArray(annotations)
  if (!isRecord) throw invalid('annotations', 'keys with values', annotations)
  for (const [key, value] of Object.entries(annotations))
    if (key === '' || typeof value !== 'string')
      throw invalid(
        'annotations',
        'keys with values',
        key === '' ? 'a value without a key' : `${key}: ${value}`,
      )
}

/** @throws ImageError OPTION_INVALID */
export function checkSbomFormat(option: string, format: SbomFormat | undefined): void {
  if (format !== undefined && !SBOM_FORMATS.includes(format))
    throw invalid(option, SBOM_FORMATS.join(', '), format)
}

/** @throws ImageError OPTION_INVALID */
export function checkConf(conf: BuildOptions['conf']): void {
  const isConf =
    typeof conf === 'object' && conf !== null && Array.isArray(conf.storeLayers) && 'mtime' in conf
  if (typeof conf === 'string' ? conf !== '' : isConf) return
  throw new ImageError(
    'OPTION_INVALID',
    `conf: expected the path of a conf.json, or what parseConf or readConf gives, found ${shown(conf)}`,
    { hint: 'parseConf(JSON.stringify(object), name) takes a configuration as an object' },
  )
}

/** How blobs are made, with the level that is meant where none is said. @throws ImageError OPTION_INVALID */
export function blobCompression({ kind, level }: CompressionOptions): BlobCompression {
  const highest = HIGHEST_LEVEL[kind]
  if (highest === undefined)
    throw invalid('compression.kind', Object.keys(DEFAULT_COMPRESSION).join(', '), kind)
  const usual = DEFAULT_COMPRESSION[kind]
  if (level === undefined || (kind === 'none' && level === 0)) return usual
  if (!Number.isInteger(level) || level < 1 || level > highest)
    throw invalid('compression.level', kind === 'none' ? 'nothing' : `a level from 1 to ${highest}`, level)
  return { kind, level }
}

function isWritable(output: Writable): boolean {
  return typeof output === 'object' && typeof output.write === 'function' && typeof output.on === 'function'
}

function invalid(option: string, expected: string, found: unknown): ImageError {
  return new ImageError('OPTION_INVALID', `${option}: expected ${expected}, found ${shown(found)}`)
}

function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.slice(0, 80))
  return typeof value === 'object' && value !== null ? 'another object' : String(value)
}
