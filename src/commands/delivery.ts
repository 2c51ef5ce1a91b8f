/** The options that every verb has that delivers an image, and what is told of it. */
import { type Command, InvalidArgumentError, Option } from 'commander'
import { ImageError } from '../errors.js'
import type { BuildEvent } from '../model/events.js'
import type { CompressionOptions, DeliveryOptions } from '../options.js'
import { log } from '../report/log.js'
import type { Result } from '../report/reporter.js'
import { SYNTAX } from '../transports.js'
import type { BuildReport } from './build-report.js'
import { gather } from './closure-arguments.js'
import { KnownOption, WholeOption } from './known-option.js'
import { addRegistryOptions, type RegistryArguments, registryOptions } from './registry-arguments.js'
import { chooseReporter, isTerminal, PROGRESS_KINDS, type ProgressKind } from './reports.js'

export interface DeliveryArguments extends RegistryArguments {
  output?: string[]
  jobs?: number
  compress?: CompressionOptions
  cache?: string
  previous?: string
  annotation?: Record<string, string>
  mountFrom?: string
  digestFile?: string
  dryRun?: boolean
  progress?: ProgressKind
  json?: boolean
  report?: string
  quiet?: boolean
  verbose?: boolean
  verify?: boolean
  debug?: boolean
}

export function addDeliveryOptions(command: Command): Command {
  command
    .optionsGroup('Delivery:')
    .option(
      '-o, --output <DESTINATION>',
      `deliver to ${SYNTAX}; - is standard output; may be repeated`,
      gather,
    )
    .addOption(jobsOption())
    .option(
      '--compress <KIND>',
      'none, gzip[:LEVEL] or zstd[:LEVEL] (default: gzip:4 for registries, none for image layouts)',
      parseCompression,
    )
    .option(
      '--annotation <KEY=VALUE>',
      'annotate the manifest, and the index; may be repeated',
      parseAnnotation,
    )
    .option('--verify', 'hash every layer again on its way out, and read what could be skipped')
    .option('--dry-run', 'tell what would be read, compressed and sent, and write nothing')
    .optionsGroup('Cache:')
    .option(
      '--cache <PLACE>',
      'remember digests in a directory, in the "default" one, or at redis://HOST:PORT (also: STREAM_LAYERED_IMAGE_CACHE)',
    )
    .option(
      '--previous <REF>',
      'skip layers that this image has, too: a TAG, or docker://HOST/REPO[:TAG] in the same registry (default: the tag that is replaced, then a few of the repository: the branch, usual names, the newest)',
    )
    .optionsGroup('Registry:')
    .option('--mount-from <REPO>', 'mount blobs that this repository of the same registry has')
  return (
    addRegistryOptions(command)
      .optionsGroup('Output:')
      .addOption(
        new KnownOption(
          '--digest-file <FILE>',
          'write the digest of the manifest there, of a docker-archive the image ID',
          ['--digestfile'],
        ),
      )
      .option(
        '--json',
        'print the result as JSON also to a terminal; it is printed wherever else no image goes',
      )
      .addOption(
        new Option(
          '--progress <KIND>',
          'how it goes: a live block in a terminal, otherwise lines (auto); lines (plain), a summary (none), events (json)',
        ).choices(PROGRESS_KINDS),
      )
      // `--repo` is short for `--repo_tag`, as the script has it.
      .addOption(
        new WholeOption(
          '--report <FILE>',
          'write there what happened when, as JSON; inspect --html shows it',
        ),
      )
      .option('-q, --quiet', 'show only warnings and errors')
      .option('-v, --verbose', 'show a line for each layer, also for one that was there')
      .option('--debug', 'show stacks and causes of errors (also: DEBUG=1)')
  )
}

/**
 * Runs a delivery with the command's options, and tells its result.
 * @param inputs what the image is made from, as it was named
 */
export async function deliver(
  given: DeliveryArguments,
  signal: AbortSignal,
  run: (options: DeliveryOptions) => Promise<Result>,
  inputs: readonly string[] = [],
): Promise<void> {
  const output = given.output ?? ['-']
  const isStreamed = output.includes('-') && !given.dryRun
  if (isStreamed && given.json)
    throw new ImageError('OPTION_INVALID', '--json: standard output takes the image', {
      hint: 'send the image elsewhere with -o, or read events with --progress json',
    })
  if (isStreamed && (await isTerminal(1)))
    throw new ImageError('OUTPUT_TERMINAL', 'an image is not written to a terminal', {
      hint: 'send it on, as in: stream-layered-image conf.json | docker load, or name a file with -o',
    })
  const recorded = given.report === undefined ? undefined : await record(given.report, given, inputs)
  const reporter = await chooseReporter(given, isStreamed)
  const options = {
    destinations: output,
    threads: given.jobs,
    compression: given.compress,
    cache: await cacheAsked(given.cache),
    previous: given.previous,
    annotations: given.annotation,
    registry: {
      mountFrom: given.mountFrom,
      ...(await registryOptions(given, inputs, output, signal)),
    },
    verify: given.verify,
    digestFile: given.digestFile,
    signal,
    onEvent: (event: BuildEvent) => {
      recorded?.report(event)
      reporter.report(event)
    },
  }
  const result = await run(options).catch((error: unknown) => {
    reporter.end(undefined)
    throw error
  })
  reporter.end(result)
  await recorded?.finish(result, signal)
  // Standard output is free for programs to read from when no image goes there.
  if (given.json || !(output.includes('-') || (await isTerminal(1)))) await print(JSON.stringify(result))
  // Last, for whoever wants to go on from here.
  if (given.quiet || 'dryRun' in result) return
  for (const { command } of result.destinations ?? []) if (command !== undefined) log(command)
}

async function record(
  file: string,
  { output = [], digestFile }: DeliveryArguments,
  inputs: readonly string[],
): Promise<BuildReport> {
  const { openReport } = await import('./build-report.js')
  return openReport(file, [...output, ...(digestFile === undefined ? [] : [digestFile])], inputs)
}

/** A line to standard output, whole. @throws ImageError OUTPUT_FAILED, OUTPUT_CLOSED */
export async function print(line: string): Promise<void> {
  const { FdOutput } = await import('../outputs/fd-output.js')
  const output = await FdOutput.open(1)
  await output.write(Buffer.from(`${line}\n`))
  await output.end()
}

/** Where digests are remembered, as it is asked for here or in the environment; undefined: nowhere. */
export async function cacheAsked(given: string | undefined): Promise<string | undefined> {
  const place = given ?? process.env.STREAM_LAYERED_IMAGE_CACHE
  return place ? cachePlace(place) : undefined
}

export async function cachePlace(place: string): Promise<string> {
  return place === 'default' ? (await import('../cache/place.js')).defaultPlace() : place
}

export function parseCompression(text: string): CompressionOptions {
  if (text === 'none') return { kind: 'none' }
  const [, kind, level] = /^(gzip|zstd)(?::(\d+))?$/.exec(text) ?? []
  if (kind !== 'gzip' && kind !== 'zstd')
    throw new InvalidArgumentError(`expected none, gzip[:LEVEL] or zstd[:LEVEL], found "${text}".`)
  // Whether the level fits, the library checks.
  return level === undefined ? { kind } : { kind, level: Number(level) }
}

function parseAnnotation(text: string, before: Record<string, string> = {}): Record<string, string> {
  const [, key, value] = /^([^=]+)=(.*)$/s.exec(text) ?? []
  if (key === undefined || value === undefined)
    throw new InvalidArgumentError(`expected KEY=VALUE, found "${text}".`)
  return { ...before, [key]: value }
}

export function jobsOption(): Option {
  const text = 'run N worker threads (default: NIX_BUILD_CORES, or all cores, up to 12)'
  return new Option('-j, --jobs <N>', text).argParser(parseJobs)
}

function parseJobs(text: string): number {
  if (/^\d+$/.test(text)) return Number(text)
  throw new InvalidArgumentError(`expected a whole number from 1, found "${text}".`)
}
