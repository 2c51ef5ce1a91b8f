/** What a registry asks for with 401, and the header that satisfies it (distribution token specification). */
import * as v from 'valibot'
import { ImageError } from '../errors.js'
import type { Credentials } from './credentials.js'
import { isLoopback } from './reference.js'
import { type Answer, shown, statusText, type Transport } from './transport.js'

export type Challenge =
  | { scheme: 'basic' }
  | { scheme: 'bearer'; realm: URL; service: string | undefined; scope: string | undefined }

const TOKEN = v.object({ token: v.optional(v.string()), access_token: v.optional(v.string()) })

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
    if (realm === undefined || !URL.canParse(realm)) return undefined
    return {
      scheme: 'bearer',
      realm: new URL(realm),
      service: parameters.get('service'),
      scope: parameters.get('scope'),
    }
  }
  return /\bbasic\b/i.test(header ?? '') ? { scheme: 'basic' } : undefined
}

/**
 * The `Authorization` header for a challenge.
 * @param scopes what the token must allow, beside what the challenge names
 * @throws ImageError REGISTRY_DENIED without credentials that do, PassingFailure when the token server fails
 */
export async function authorize(
  challenge: Challenge,
  scopes: readonly string[],
  credentials: Credentials | undefined,
  registry: URL,
  transport: Transport,
  signal: AbortSignal,
): Promise<string> {
  if (challenge.scheme === 'basic') {
    if (credentials?.kind === 'password') return basic(credentials)
    throw denied(`${registry.host}: expected a user name and a password, found none`)
  }
  const { realm, service } = challenge
  if (realm.protocol !== 'https:' && !(registry.protocol === 'http:' || isLoopback(realm.host)))
    throw denied(`${registry.host}: expected a token server with TLS, found ${shown(realm)}`)
  const wanted = [...new Set([...(challenge.scope?.split(' ') ?? []), ...scopes])]
  const answer = await askForToken(realm, service, wanted, credentials, transport, signal)
  if (answer.status !== 200) throw denied(`${shown(realm)}: expected a token, found ${statusText(answer)}`)
  const parsed = v.safeParse(TOKEN, parseJson(answer))
  const token = parsed.success ? (parsed.output.token ?? parsed.output.access_token) : undefined
  if (token === undefined) throw denied(`${shown(realm)}: expected a token, found none`)
  return `Bearer ${token}`
}

function askForToken(
  realm: URL,
  service: string | undefined,
  scopes: readonly string[],
  credentials: Credentials | undefined,
  transport: Transport,
  signal: AbortSignal,
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
    return transport.ask({ method: 'POST', url: realm, headers, body: Buffer.from(form.toString()), signal })
  }
  const url = new URL(realm)
  if (service !== undefined) url.searchParams.set('service', service)
  for (const scope of scopes) url.searchParams.append('scope', scope)
  const headers = credentials === undefined ? {} : { authorization: basic(credentials) }
  return transport.ask({ method: 'GET', url, headers, signal })
}

function basic({ username, password }: { username: string; password: string }): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`
}

function parseJson(answer: Answer): unknown {
  try {
    return JSON.parse(answer.body.toString())
  } catch {
    return undefined
  }
}

export function denied(message: string): ImageError {
  return new ImageError('REGISTRY_DENIED', message, {
    hint: 'log in with docker login, or name the file with credentials in REGISTRY_AUTH_FILE',
  })
}
