/** The options that every verb has that only reads images. */
import type { Command } from 'commander'
import type { ReadOptions } from '../options.js'
import { reportWarning } from '../report/text.js'
import { cacheAsked, jobsOption } from './delivery.js'
import { addRegistryOptions, type RegistryArguments, registryOptions } from './registry-arguments.js'

export interface ReadArguments extends RegistryArguments {
  jobs?: number
  cache?: string
  debug?: boolean
}

export function addReadOptions(command: Command): Command {
  command
    .addOption(jobsOption())
    .option(
      '--cache <PLACE>',
      'where digests of layers are remembered: a directory, the "default" one, or redis://HOST:PORT (also: STREAM_LAYERED_IMAGE_CACHE)',
    )
    .option('--debug', 'show stacks and causes of errors (also: DEBUG=1)')
  return addRegistryOptions(command)
}

/** @param images as they were named @throws ImageError OPTION_INVALID, CREDENTIALS_INVALID */
export async function readOptions(
  given: ReadArguments,
  images: readonly string[],
  signal: AbortSignal,
): Promise<ReadOptions> {
  return {
    threads: given.jobs,
    cache: await cacheAsked(given.cache),
    registry: await registryOptions(given, images, [], signal),
    signal,
    onEvent: reportWarning,
  }
}
