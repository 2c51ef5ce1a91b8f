#!/usr/bin/env node
/** The command: arguments in, exit status out. Only this file writes to the terminal. */
import { fstatSync, readFileSync } from 'node:fs'
import { Command, CommanderError, InvalidArgumentError } from 'commander'
import { ImageError } from './errors.js'
import type { BuildEvent } from './events.js'
import { log } from './log.js'
import { pythonListRepr } from './python/repr.js'

interface Options {
  repo_tag?: string
  jobs?: number
  verify?: boolean
  debug?: boolean
}

const STATUS = { ok: 0, failure: 1, usage: 2, sigint: 130, brokenPipe: 141, sigterm: 143 }

async function main(): Promise<number> {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string
  }
  const command = new Command('stream-layered-image')
    .description(
      'Streams the container image that CONF describes to standard output, as docker load reads it.',
    )
    .argument('<conf>', 'JSON file as dockerTools.streamLayeredImage writes it')
    .option('-t, --repo_tag <TAG>', 'use TAG in place of the repo_tag of CONF')
    .option(
      '-j, --jobs <N>',
      'compute N checksums at once (default: NIX_BUILD_CORES, or all cores)',
      parseJobs,
    )
    .option('--verify', 'hash every layer again while it is streamed, beside looking at times and inodes')
    .option('--debug', 'show stacks and causes of errors (also: DEBUG=1)')
    .version(version)
    .exitOverride()
    .allowExcessArguments(false)
    .addHelpText('after', '\nExample:\n  stream-layered-image conf.json | docker load')
  try {
    command.parse()
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? STATUS.ok : STATUS.usage
    throw error
  }
  const [conf] = command.args as [string]
  const options = command.opts<Options>()
  return run(conf, options)
}

function parseJobs(text: string): number {
  const jobs = Number(text)
  if (!Number.isInteger(jobs) || jobs < 1)
    throw new InvalidArgumentError(`expected a whole number from 1, found "${text}".`)
  return jobs
}

async function run(conf: string, options: Options): Promise<number> {
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
    if (await isTerminal(1)) {
      throw new ImageError('OUTPUT_TERMINAL', 'an image is not written to a terminal', {
        hint: 'send it on, as in: stream-layered-image conf.json | docker load',
      })
    }
    const { buildImage } = await import('./build-image.js')
    await buildImage({
      conf,
      output: 1,
      repoTag: options.repo_tag,
      threads: options.jobs,
      verify: options.verify,
      signal: stop.signal,
      onEvent: report,
    })
    return STATUS.ok
  } catch (error) {
    if (stopStatus !== undefined) return stopStatus
    return fail(error, options.debug === true || Boolean(process.env.DEBUG))
  }
}

/** The reference's lines. */
function report(event: BuildEvent): void {
  if (event.type === 'no-base') log("No 'fromImage' provided")
  else if (event.type === 'manifests-started') log('Adding manifests...')
  else if (event.type === 'done') log('Done.')
  else if (event.type === 'warning') log(`stream-layered-image: warning: ${event.message}`)
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

process.exit(await main())
