#!/usr/bin/env node
/** The command: arguments in, exit status out. Only this file writes to the terminal. */
import { fstatSync } from 'node:fs'
import { Command, CommanderError, InvalidArgumentError } from 'commander'
import { ImageError } from './errors.js'
import type { BuildEvent } from './events.js'
import { log } from './log.js'
import type { CompressionOptions } from './options.js'
import { pythonListRepr } from './python/repr.js'
import { VERSION } from './version.js'

interface Options {
  repo_tag?: string
  jobs?: number
  output?: string[]
  compress?: CompressionOptions
  cache?: string
  previous?: string
  mountFrom?: string
  tlsCa?: string
  plainHttp?: boolean
  digestFile?: string
  verify?: boolean
  debug?: boolean
}

const STATUS = { ok: 0, failure: 1, usage: 2, sigint: 130, brokenPipe: 141, sigterm: 143 }

async function main(): Promise<number> {
  let status: Promise<number> = Promise.resolve(STATUS.ok)
  const program = new Command('stream-layered-image')
    .description(
      'Streams the container image that CONF describes to standard output, as docker load reads it, or delivers it.',
    )
    .argument('<conf>', 'JSON file as dockerTools.streamLayeredImage writes it')
    .option('-t, --repo_tag <TAG>', 'use TAG in place of the repo_tag of CONF')
    .option(
      '-o, --output <DESTINATION>',
      'deliver to FILE, docker-archive:FILE, oci-archive:FILE[:TAG], oci:DIR[:TAG] or docker://HOST/REPO[:TAG]; may be repeated',
      (destination: string, before: string[] = []) => [...before, destination],
    )
    .option('-j, --jobs <N>', 'run N worker threads (default: NIX_BUILD_CORES, or all cores)', parseJobs)
    .option(
      '--compress <KIND>',
      'none, gzip[:LEVEL] or zstd[:LEVEL] (default: gzip:4 for registries, none for image layouts)',
      parseCompression,
    )
    .option(
      '--cache <PLACE>',
      'remember digests in a directory, in the "default" one, or at redis://HOST:PORT (also: STREAM_LAYERED_IMAGE_CACHE)',
    )
    .option(
      '--previous <REF>',
      'skip layers that this image has: a TAG, or docker://HOST/REPO[:TAG] in the same registry (default: the one replaced)',
    )
    .option('--mount-from <REPO>', 'mount blobs that this repository of the same registry has')
    .option('--tls-ca <FILE>', 'trust these certificates too')
    .option('--plain-http', 'speak to the registry without TLS')
    .option(
      '--digest-file <FILE>',
      'write the digest of the manifest there, of a docker-archive the image ID',
    )
    .option('--verify', 'hash every layer again while it is streamed, beside looking at times and inodes')
    .option('--debug', 'show stacks and causes of errors (also: DEBUG=1)')
    .version(VERSION)
    .exitOverride()
    .allowExcessArguments(false)
    .addHelpText('after', '\nExample:\n  stream-layered-image conf.json | docker load')
    .action((conf: string, options: Options) => {
      status = guarded(isDebug(options), (signal) => run(conf, options, signal))
    })
  program
    .command('cache')
    .description('look after a directory of remembered digests')
    .argument('<action>', 'stats, prune or clear')
    .argument('[directory]', 'default: the directory that --cache default uses')
    .option('--days <N>', 'prune entries older than N days', parseDays, 30)
    .exitOverride()
    .action((action: string, directory: string | undefined, { days }: { days: number }) => {
      status = guarded(isDebug({}), () => lookAfterCache(action, directory, days))
    })
  try {
    program.parse()
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? STATUS.ok : STATUS.usage
    throw error
  }
  return status
}

function isDebug({ debug }: Options): boolean {
  return debug === true || Boolean(process.env.DEBUG)
}

function parseDays(text: string): number {
  const days = Number(text)
  if (text === '' || Number.isNaN(days) || days < 0)
    throw new InvalidArgumentError(`expected a number of days, found "${text}".`)
  return days
}

const LEVELS = { gzip: 9, zstd: 19 }

function parseCompression(text: string): CompressionOptions {
  if (text === 'none') return { kind: 'none' }
  const [, kind, level] = /^(gzip|zstd)(?::(\d+))?$/.exec(text) ?? []
  if (kind !== 'gzip' && kind !== 'zstd')
    throw new InvalidArgumentError(`expected none, gzip[:LEVEL] or zstd[:LEVEL], found "${text}".`)
  if (level === undefined) return { kind }
  if (Number(level) < 1 || Number(level) > LEVELS[kind])
    throw new InvalidArgumentError(`expected a level from 1 to ${LEVELS[kind]}, found ${level}.`)
  return { kind, level: Number(level) }
}

function parseJobs(text: string): number {
  const jobs = Number(text)
  if (!Number.isInteger(jobs) || jobs < 1)
    throw new InvalidArgumentError(`expected a whole number from 1, found "${text}".`)
  return jobs
}

/** Runs with signals handled and failures reported. */
async function guarded(debug: boolean, action: (signal: AbortSignal) => Promise<void>): Promise<number> {
  const stop = new AbortController()
  let stopStatus: number | undefined
  for (const [signal, status] of [
    ['SIGINT', STATUS.sigint],
    ['SIGTERM', STATUS.sigterm],
  ] as const) {
    process.on(signal, () => {
      stopStatus ??= status
      stop.abort()
    })
  }
  try {
    await action(stop.signal)
    return STATUS.ok
  } catch (error) {
    return stopStatus ?? fail(error, debug)
  }
}

async function run(conf: string, options: Options, signal: AbortSignal): Promise<void> {
  const destinations = options.output
  if (destinations === undefined && (await isTerminal(1))) {
    throw new ImageError('OUTPUT_TERMINAL', 'an image is not written to a terminal', {
      hint: 'send it on, as in: stream-layered-image conf.json | docker load, or name a file with -o',
    })
  }
  const { buildImage } = await import('./build-image.js')
  const place = options.cache ?? process.env.STREAM_LAYERED_IMAGE_CACHE
  const result = await buildImage({
    conf,
    output: destinations === undefined ? 1 : undefined,
    destinations,
    repoTag: options.repo_tag,
    threads: options.jobs,
    compression: options.compress,
    cache: place ? await cachePlace(place) : undefined,
    previous: options.previous,
    registry: { mountFrom: options.mountFrom, tlsCa: options.tlsCa, plainHttp: options.plainHttp },
    verify: options.verify,
    signal,
    onEvent: report,
  })
  if (options.digestFile !== undefined) {
    const { writeWhole } = await import('./outputs/partial-file.js')
    writeWhole(options.digestFile, result.manifestDigest ?? `sha256:${result.imageId}`)
  }
  // Standard output is free for programs to read from when no image goes there.
  if (destinations !== undefined) process.stdout.write(`${JSON.stringify(result)}\n`)
}

async function cachePlace(place: string): Promise<string> {
  return place === 'default' ? (await import('./cache/store.js')).defaultPlace() : place
}

async function lookAfterCache(action: string, directory: string | undefined, days: number): Promise<void> {
  const { DirectoryStore } = await import('./cache/directory-store.js')
  const place = directory ?? (await cachePlace(process.env.STREAM_LAYERED_IMAGE_CACHE || 'default'))
  const store = new DirectoryStore(place)
  if (action === 'stats')
    process.stdout.write(`${JSON.stringify({ directory: place, ...(await store.stats()) })}\n`)
  else if (action === 'prune') log(`${await store.prune(days)} entries removed from ${place}`)
  else if (action === 'clear') await store.clear()
  else throw new ImageError('CACHE_FAILED', `cache ${action}: expected stats, prune or clear`)
}

/** The reference's lines. */
function report(event: BuildEvent): void {
  if (event.type === 'no-base') log("No 'fromImage' provided")
  else if (event.type === 'manifests-started') log('Adding manifests...')
  else if (event.type === 'done') log('Done.')
  else if (event.type === 'warning') log(`stream-layered-image: warning: ${event.message}`)
  else if (event.type === 'layer-delivered')
    log(`Layer ${event.number}: ${[...new Set(event.outcomes)].join(', ')}, SHA-256 ${event.digest}`)
  else if (event.type === 'layer-written') log(`Layer ${event.number}: written, SHA-256 ${event.digest}`)
  else if (event.type === 'layer-started') {
    const { number, source } = event
    if (source.kind === 'base') log(`Adding base layer ${number} from ${source.name}`)
    else if (source.kind === 'store')
      log(`Creating layer ${number} from paths: ${pythonListRepr(source.paths)}`)
    else log(`Creating layer ${number} with customisation...`)
  }
}

function fail(error: unknown, debug: boolean): number {
  if (error instanceof ImageError && error.code === 'OUTPUT_CLOSED') {
    if (debug) log(String(error.stack))
    return STATUS.brokenPipe
  }
  const message = error instanceof Error ? error.message : String(error)
  const code = error instanceof ImageError ? ` [${error.code}]` : ''
  log(`stream-layered-image: error: ${message}${code}`)
  if (error instanceof ImageError && error.hint !== undefined)
    log(`stream-layered-image: hint: ${error.hint}`)
  if (debug && error instanceof Error) {
    for (let at: unknown = error; at !== undefined; at = at instanceof Error ? at.cause : undefined) {
      log(at instanceof Error ? String(at.stack) : String(at))
    }
  }
  return STATUS.failure
}

async function isTerminal(fd: number): Promise<boolean> {
  if (!fstatSync(fd).isCharacterDevice()) return false
  const { isatty } = await import('node:tty')
  return isatty(fd)
}

main().then((status) => process.exit(status))
