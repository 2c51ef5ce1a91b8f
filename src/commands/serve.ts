/** `stream-layered-image serve`: configurations' images as a read-only registry. */
import { type Command, InvalidArgumentError } from 'commander'
import type { CompressionOptions } from '../options.js'
import { log } from '../report/log.js'
import { cacheAsked, jobsOption, parseCompression } from './delivery.js'
import { run } from './run.js'

interface ServeArguments {
  known?: string[]
  listen: { host: string; port: number }
  host: string[]
  compress?: CompressionOptions
  jobs?: number
  cache?: string
  token?: string
  htpasswd?: string
  tlsCert?: string
  tlsKey?: string
  insecure?: boolean
  verify?: boolean
  verbose?: boolean
  debug?: boolean
}

export function serveCommand(program: Command, setStatus: (status: number) => void): void {
  program
    .command('serve')
    .description('Serves images as a read-only registry; layers are made when a client asks for them.')
    .argument(
      '<conf...>',
      'configurations or scripts as for an image, or directories that hold NAME/conf.json',
    )
    .option(
      '--known <FILE>',
      'a layer file, whose layer needs no checksum pass; may be repeated',
      (file: string, before: string[] = []) => [...before, file],
    )
    .option('--listen <ADDRESS>', 'HOST:PORT', parseAddress, { host: '127.0.0.1', port: 5000 })
    .option(
      '--host <NAME>',
      'a name that clients call this machine by, beside its addresses; may be repeated',
      (name: string, before: string[]) => [...before, name],
      [],
    )
    .addOption(jobsOption())
    .option(
      '--compress <KIND>',
      'gzip[:LEVEL] or zstd[:LEVEL]: layers are compressed into temporary files first (default: they go as they are)',
      parseCompression,
    )
    .option(
      '--cache <PLACE>',
      'remember digests in a directory, in the "default" one, or at redis://HOST:PORT (also: STREAM_LAYERED_IMAGE_CACHE)',
    )
    .option('--token <FILE>', 'ask clients for this token, as a password or Bearer')
    .option('--htpasswd <FILE>', 'ask clients for a user of this file (bcrypt)')
    .option('--tls-cert <FILE>', 'speak TLS with this certificate')
    .option('--tls-key <FILE>', 'and its key')
    .option('--insecure', 'serve other machines without TLS or without asking who they are')
    .option('--verify', 'hash every layer again on its way out')
    .option('--verbose', 'a line for each request')
    .option('--debug', 'show stacks and causes of errors (also: DEBUG=1)')
    .exitOverride()
    .action(async (confs: string[], given: ServeArguments) => {
      const action = async (signal: AbortSignal): Promise<void> => {
        const { serve } = await import('../serve.js')
        await serve({
          confs,
          known: given.known,
          ...given.listen,
          names: given.host,
          compression: given.compress,
          threads: given.jobs,
          cache: await cacheAsked(given.cache),
          tokenFile: given.token,
          htpasswdFile: given.htpasswd,
          tlsCertFile: given.tlsCert,
          tlsKeyFile: given.tlsKey,
          insecure: given.insecure === true,
          verify: given.verify === true,
          signal,
          notice: log,
          onRequest: given.verbose ? log : undefined,
          explore: async (facts) => (await import('../explorer/explore.js')).explore(facts, { signal }),
        })
      }
      setStatus(await run(given.debug, action))
    })
}

function parseAddress(text: string): { host: string; port: number } {
  const [, v6, name, port] = /^(?:\[([0-9a-f:]+)\]|([A-Za-z0-9.-]*)):(\d{1,5})$/i.exec(text) ?? []
  if (port === undefined || Number(port) > 65535)
    throw new InvalidArgumentError(`expected HOST:PORT, found "${text}".`)
  return { host: v6 ?? (name || '0.0.0.0'), port: Number(port) }
}
