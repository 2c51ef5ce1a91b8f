/** `--creds`: who to be at a registry, from where neither a list of processes nor a shell's history shows it. */
import { ImageError } from '../errors.js'
import { parseReference } from '../registry/reference.js'

/** `user:password` and no more: bytes that this may have, far beyond any token. */
const LONGEST = 64 << 10

/**
 * @param from `@FILE`, or `-` for standard input
 * @param inputs what the image is made from @param outputs where it goes: one registry must be among all, whose they are
 * @throws ImageError OPTION_INVALID, CREDENTIALS_INVALID; nothing that was read, or given in place of a file's name,
 *   is part of a message
 */
export async function readCredentials(
  from: string,
  inputs: readonly string[],
  outputs: readonly string[],
  signal: AbortSignal,
): Promise<{ host: string; username: string; password: string }> {
  if (from !== '-' && !/^@./s.test(from))
    throw new ImageError('OPTION_INVALID', '--creds: expected @FILE or -, found something else', {
      hint: 'a password on a command line is seen by everybody: --creds @FILE reads user:password from a file, --creds - from standard input',
    })
  const hosts = new Set([...inputs, ...outputs].flatMap(hostOf))
  const [host] = hosts
  if (host === undefined || hosts.size > 1)
    throw new ImageError('OPTION_INVALID', `--creds: expected one registry, found ${hosts.size}`, {
      hint: '--authfile FILE names the credentials of several',
    })
  if (from === '-' && inputs.includes('-'))
    throw new ImageError('OPTION_INVALID', '--creds -: standard input is the configuration already', {
      hint: '--creds @FILE',
    })
  const { readText } = await import('../files/read-whole.js')
  const source = from === '-' ? process.stdin : from.slice(1)
  const text = await readText(source, 'CREDENTIALS_INVALID', `--creds ${from}`, signal)
  const [, username, password] = /^([^:\r\n]+):(.*?)\r?\n?$/.exec(text) ?? []
  if (username === undefined || password === undefined || text.length > LONGEST)
    throw new ImageError('CREDENTIALS_INVALID', `--creds ${from}: expected one line of user:password`)
  return { host, username, password }
}

function hostOf(name: string): string[] {
  const reference = /^docker:\/\/(.*)$/s.exec(name)
  const host = reference === null ? undefined : parseReference(reference[1]!)?.host
  return host === undefined ? [] : [host]
}
