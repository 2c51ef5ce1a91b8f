/** How registries are spoken to, for every verb that may. */
import type { Command } from 'commander'
import type { ReadOptions } from '../options.js'
import { KnownOption, TurnsOff } from './known-option.js'

export interface RegistryArguments {
  tlsCa?: string
  plainHttp?: boolean
  authfile?: string
  creds?: string
  tlsVerify?: boolean
}

export function addRegistryOptions(command: Command): Command {
  return command
    .optionsGroup('Registry:')
    .option('--authfile <FILE>', 'find credentials in this file alone (default: where podman and Docker do)')
    .option('--creds <SOURCE>', 'user:password, from @FILE or, as -, from standard input')
    .option('--tls-ca <FILE>', 'trust these certificates too')
    .addOption(new KnownOption('--tls-verify', 'check certificates (default)', ['--tls-verify=true']))
    .addOption(
      new TurnsOff(
        '--insecure',
        'take any certificate, and HTTP without TLS',
        ['--tls-verify=false'],
        'tlsVerify',
      ),
    )
    .option('--plain-http', 'speak to the registry without TLS')
}

/**
 * @param inputs where images come from, as it was named @param outputs where they go
 * @throws ImageError OPTION_INVALID, CREDENTIALS_INVALID
 */
export async function registryOptions(
  { creds, authfile: authFile, tlsCa, tlsVerify, plainHttp }: RegistryArguments,
  inputs: readonly string[],
  outputs: readonly string[],
  signal: AbortSignal,
): Promise<NonNullable<ReadOptions['registry']>> {
  const options = { tlsCa, tlsVerify, plainHttp, authFile }
  if (creds === undefined) return options
  const { readCredentials } = await import('./credentials.js')
  return { ...options, credentials: await readCredentials(creds, inputs, outputs, signal) }
}
