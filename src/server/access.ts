/** Who may ask: the `Host` that a request names, and its credentials. */
import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { isIP } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import pLimit from 'p-limit'
import { ImageError } from '../errors.js'

/** Tells whether a request's credentials are good. */
export type Authenticate = (scheme: string, credentials: string) => boolean | Promise<boolean>

/**
 * Whether the request came by a name of this server's. A page that a browser shows may send requests here by a name that
 * its owner points to this machine; who uses an address, or a name that the server was given, is no such page.
 */
export function isOwnHost(request: IncomingMessage, names: readonly string[]): boolean {
  const { host } = request.headers
  if (host === undefined) return request.httpVersion === '1.0'
  const [, v6, other = ''] = /^(?:\[([^\]]*)\]|([^:]*))(?::\d*)?$/.exec(host.toLowerCase()) ?? []
  const name = v6 ?? other
  return isIP(name) !== 0 || name === 'localhost' || names.some((own) => own.toLowerCase() === name)
}

/** @returns whether the request may be served */
export async function isAllowed(
  request: IncomingMessage,
  authenticate: Authenticate | undefined,
): Promise<boolean> {
  if (authenticate === undefined) return true
  const [, scheme, credentials] = /^(\S+) +(\S+)$/.exec(request.headers.authorization ?? '') ?? []
  return scheme !== undefined && credentials !== undefined && authenticate(scheme.toLowerCase(), credentials)
}

/** Compares without telling by the time it takes how much was right. */
export function isSame(a: string, b: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(a), digest(b))
}

/** @param text the token, trimmed; as a Bearer, or as the password of any user @throws ImageError OPTION_INVALID */
export function token(text: string, file: string): Authenticate {
  const expected = text.trim()
  if (expected.length < MIN_TOKEN)
    throw new ImageError('OPTION_INVALID', `${file}: expected a token of at least ${MIN_TOKEN} characters`)
  return (scheme, credentials) => {
    if (scheme === 'bearer') return isSame(credentials, expected)
    return scheme === 'basic' && isSame(basicOf(credentials).password, expected)
  }
}

/** Shorter ones can be guessed. */
const MIN_TOKEN = 16

/** Somebody is trying passwords, faster than they are looked at. */
export class TooManyTries extends Error {
  constructor() {
    super('too many wrong passwords at once')
  }
}

/** Passwords that wait to be looked at, and milliseconds after a wrong one: bcrypt takes a tenth of a second each. */
const MAX_WAITING = 16
const AFTER_WRONG = 500

/** @param text lines of `USER:BCRYPT` (htpasswd -B) @throws ImageError OPTION_INVALID */
export function htpasswd(text: string, file: string): Authenticate {
  const users = new Map<string, string>()
  for (const line of text.split('\n').filter((it) => it.trim() !== '' && !it.startsWith('#'))) {
    const [, user, hash] = /^([^:]+):(\$2[aby]\$\d\d\$[./A-Za-z0-9]{53})\s*$/.exec(line) ?? []
    if (user === undefined || hash === undefined) throw noUsers(file, 'another')
    users.set(user, hash)
  }
  const [anyHash] = users.values()
  if (anyHash === undefined) throw noUsers(file, 'none')
  // A client sends its password with each of a hundred requests: a good one is looked at once.
  const good = new Map<string, string>()
  const limit = pLimit(1)
  const look = async (user: string, password: string): Promise<boolean> => {
    const { compare } = await import('bcryptjs')
    const hash = users.get(user)
    // An unknown user takes as long as a known one.
    const isGood = (await compare(password, hash ?? anyHash)) && hash !== undefined
    if (isGood) good.set(user, password)
    else await setTimeout(AFTER_WRONG)
    return isGood
  }
  return async (scheme, credentials) => {
    if (scheme !== 'basic') return false
    const { user, password } = basicOf(credentials)
    const known = good.get(user)
    if (known !== undefined && isSame(password, known)) return true
    if (limit.pendingCount >= MAX_WAITING) throw new TooManyTries()
    return limit(look, user, password)
  }
}

function noUsers(file: string, found: string): ImageError {
  return new ImageError(
    'OPTION_INVALID',
    `${file}: expected lines of USER:HASH with bcrypt, found ${found}`,
    {
      hint: 'htpasswd -nB USER makes one',
    },
  )
}

function basicOf(credentials: string): { user: string; password: string } {
  const [, user = '', password = ''] =
    /^([^:]*):(.*)$/s.exec(Buffer.from(credentials, 'base64').toString()) ?? []
  return { user, password }
}
