/** What a registry asks for with 401, and the header that satisfies it (distribution token specification). */
import * as v from 'valibot'
import { ImageError } from '../errors.js'
import { follow, shown } from './address.js'
import type { Answer } from './answer.js'
import type { Credentials } from './credentials.js'
import { bytesBody } from './sending.js'
import type { Transport } from './transport.js'

type Challenge =
  | { scheme: 'basic' }
  | { scheme: 'bearer'; realm: string; service: string | undefined; scope: string | undefined }

/** What is sent as `Authorization`, and what of it must not be shown. */
export interface Authorization {
  header: string
  secrets: readonly string[]
}

const TOKEN = v.object({ token: v.nullish(v.string()), access_token: v.nullish(v.string()) })
/** Characters that RFC 6750 has for a token are among these; others could not stand in a header. */
const PRINTABLE = /^[\x21-\x7e]+$/

/** The first known challenge of a `WWW-Authenticate` header; undefined when there is none. */
export function parseChallenge(header: string | undefined): Challenge | undefined {
  const bearer = /\bbearer\s+(.*)$/i.exec(header ?? '')
  if (bearer !== null) {
    const parameters = new Map(
      [...bearer[1]!.matchAll(/([a-z_]+)="([^"]*)"/gi)].map(([, name, value]) => [
        name!.toLowerCase(),
        value!,
      ]),
    )
    const realm = parameters.get('realm')
    if (realm === undefined) return undefined
    return { scheme: 'bearer', realm, service: parameters.get('service'), scope: parameters.get('scope') }
  }
  return /\bbasic\b/i.test(header ?? '') ? { scheme: 'basic' } : undefined
}

/**
 * The authorization for a challenge.
 * @param scopes what a token must allow, beside what the challenge names
 * @throws ImageError REGISTRY_DENIED without credentials that do, REGISTRY_FAILED when the token server must not have
 *   them, PassingFailure when it fails
 */
export async function authorize(
  challenge: Challenge,
  scopes: readonly string[],
  credentials: Credentials | undefined,
  registry: URL,
  transport: Transport,
): Promise<Authorization> {
  if (challenge.scheme === 'basic') {
    if (credentials?.kind === 'password') return basic(credentials)
    throw denied(`${registry.host}: expected a user name and a password, found none`)
  }
  const { service } = challenge
  const realm = follow(challenge.realm, registry, 'token server')
  const wanted = [...new Set([...(challenge.scope?.split(' ') ?? []), ...scopes])]
  const answer = await askForToken(realm, service, wanted, credentials, transport)
  if (answer.status !== 200) throw denied(`${shown(realm)}: expected a token, found ${answer.text}`)
  const parsed = v.safeParse(TOKEN, parseJson(answer))
  // Some servers have both names, and nothing under one of them.
  const token = parsed.success ? parsed.output.token || parsed.output.access_token : undefined
  if (!token || !PRINTABLE.test(token)) throw denied(`${shown(realm)}: expected a token, found none`)
  return { header: `Bearer ${token}`, secrets: [token] }
}

function askForToken(
  realm: URL,
  service: string | undefined,
  scopes: readonly string[],
  credentials: Credentials | undefined,
  transport: Transport,
): Promise<Answer> {
  if (credentials?.kind === 'identity') {
    const form = new URLSearchParams({
      grant_type: 'refresh_token',
      refresh_token: credentials.token,
      client_id: 'stream-layered-image',
      scope: scopes.join(' '),
      ...(service === undefined ? {} : { service }),
    })
    const headers = { 'content-type': 'application/x-www-form-urlencoded' }
    const body = bytesBody(Buffer.from(form.toString()))
    return transport.ask({ method: 'POST', url: realm, headers, body, secrets: [credentials.token] })
  }
  const url = new URL(realm)
  if (service !== undefined) url.searchParams.set('service', service)
  for (const scope of scopes) url.searchParams.append('scope', scope)
  if (credentials === undefined) return transport.ask({ method: 'GET', url })
  const { header, secrets } = basic(credentials)
  return transport.ask({ method: 'GET', url, headers: { authorization: header }, secrets })
}

function basic({ username, password }: { username: string; password: string }): Authorization {
  const pair = Buffer.from(`${username}:${password}`).toString('base64')
  return { header: `Basic ${pair}`, secrets: [pair, password] }
}

function parseJson({ body }: Answer): unknown {
  try {
    return JSON.parse(body?.toString() ?? '')
  } catch {
    return undefined
  }
}

export function denied(message: string): ImageError {
  return new ImageError('REGISTRY_DENIED', message, {
    hint: 'log in with docker login or podman login, or name the file with credentials in REGISTRY_AUTH_FILE',
  })
}
