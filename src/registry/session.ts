/** One registry: where it answers, who we are there, and requests with authorization, redirects and retries. */
import { setMaxListeners } from 'node:events'
import { ImageError, systemCode } from '../errors.js'
import { follow, shown } from './address.js'
import type { Answer } from './answer.js'
import type { Trust } from './connections.js'
import { CredentialFinder, type Identity } from './credentials.js'
import { PATIENCE, type Patience } from './patience.js'
import { apiHost, isLoopback } from './reference.js'
import { PassingFailure, type RetryOptions } from './retry.js'
import { type Authorization, authorize, denied, parseChallenge } from './token.js'
import { type Question, type Reply, Transport } from './transport.js'

export interface RegistryOptions extends Trust, Identity {
  /**
   * False takes any certificate, and speaks HTTP where the registry speaks no TLS: nobody knows then who is spoken to.
   * Default: true.
   */
  tlsVerify?: boolean | undefined
  /** Speak HTTP without TLS; without it only a registry on this machine may. */
  plainHttp?: boolean | undefined
  /** A repository of the same registry whose blobs may be mounted in place of uploads. */
  mountFrom?: string | undefined
  /** Called with a line for people when a wait begins that they notice. */
  onWait?: ((message: string) => void) | undefined
}

/** A request to the registry, or to where it sent us. */
export interface Request extends Omit<Question, 'secrets'> {
  /** Whose credentials are used, and what they must allow. */
  access: Access
}

/** Rights that requests need: one token serves all requests with the same. */
export interface Access {
  repository: string
  /** As the distribution token specification writes them. */
  scopes: readonly string[]
}

/** How many new tokens one request may ask for: others may have used up a new one meanwhile. */
const RENEWALS = 4
/** How often one request may be sent elsewhere. */
const REDIRECTS = 5

export class Session {
  readonly retry: RetryOptions
  private readonly transport: Transport
  private readonly credentials: CredentialFinder
  private readonly closing = new AbortController()
  private base: Promise<URL> | undefined
  private readonly granted = new Map<string, Authorization>()
  private readonly renewing = new Map<string, Promise<void>>()

  /**
   * @param signal ends every wait
   * @throws ImageError REGISTRY_FAILED when certificates cannot be read or a proxy's address is none
   */
  constructor(
    readonly host: string,
    private readonly options: RegistryOptions,
    signal: AbortSignal,
    patience: Partial<Patience>,
  ) {
    let told = ''
    const tell = (message: string): void => {
      // Requests wait side by side, often for the same.
      if (message !== told) options.onWait?.(message)
      told = message
    }
    this.retry = {
      patience: { ...PATIENCE, ...patience },
      signal: AbortSignal.any([signal, this.closing.signal]),
      tell,
    }
    // Any number of requests end with it.
    setMaxListeners(0, this.retry.signal)
    this.transport = new Transport(options, this.retry)
    this.credentials = new CredentialFinder(host, this.retry.signal, process.env, options)
  }

  /** An address below the repository's. */
  async url(repository: string, path: string): Promise<URL> {
    return new URL(`${repository}/${path}`, await this.registry())
  }

  /**
   * One try of a request, and its whole answer.
   * @param limit bytes of the body of an answer that is no failure
   * @throws PassingFailure, ImageError REGISTRY_DENIED, REGISTRY_FAILED, ABORTED
   */
  async ask(request: Request, limit?: number): Promise<Answer> {
    const { question, reply } = await this.open(request)
    return this.transport.finish(question, reply, limit)
  }

  /** One try of a request; the answer's body is read by the caller. @throws as {@link ask} does, but for what passes */
  async open(request: Request): Promise<{ question: Question; reply: Reply }> {
    let { url } = request
    for (let hops = 0; ; hops++) {
      const found = await this.openOne({ ...request, url })
      const { reply } = found
      const location = reply.header('location')
      if (!leadsOn(request, reply.status) || location === undefined || hops === REDIRECTS) return found
      reply.cancel()
      url = follow(location, url, 'Location')
    }
  }

  /** Reads the rest of an answer. */
  finish(question: Question, reply: Reply): Promise<Answer> {
    return this.transport.finish(question, reply)
  }

  /** Ends what is under way. */
  async close(): Promise<void> {
    this.closing.abort()
    await Promise.all([this.transport.close(), this.credentials.close()])
  }

  private async openOne({ access, ...request }: Request): Promise<{ question: Question; reply: Reply }> {
    const base = await this.registry()
    // Credentials are for this registry alone, not for where it sends uploads and downloads.
    const trusted = request.url.origin === base.origin
    const key = access.scopes.join(' ')
    for (let renewals = 0; ; renewals++) {
      await this.renewing.get(key)
      const used = trusted ? this.granted.get(key) : undefined
      const authorization = used === undefined ? {} : { authorization: used.header }
      const headers = { ...request.headers, ...authorization }
      const question = { ...request, headers, secrets: used?.secrets }
      const reply = await this.transport.open(question)
      if (!trusted || (reply.status !== 401 && reply.status !== 403)) return { question, reply }
      const answer = await this.transport.finish(question, reply)
      const hopeless = used?.header.startsWith('Basic ') || renewals === RENEWALS
      if (answer.status === 403 || hopeless) throw denied(`${shown(request.url)}: ${answer.text}`)
      await this.renew(answer, key, used, access, base)
    }
  }

  /** Gets a new authorization, one for all who found the old one of no use. */
  private async renew(
    answer: Answer,
    key: string,
    used: Authorization | undefined,
    { repository, scopes }: Access,
    base: URL,
  ): Promise<void> {
    if (this.granted.get(key) !== used) return
    const before = this.renewing.get(key)
    if (before !== undefined) return before
    const renewal = (async () => {
      const challenge = parseChallenge(answer.header('www-authenticate'))
      if (challenge === undefined)
        throw denied(`${shown(base)}: expected a challenge for Basic or Bearer, found none`)
      const credentials = await this.credentials.find(repository)
      this.granted.set(key, await authorize(challenge, scopes, credentials, base, this.transport))
    })().finally(() => this.renewing.delete(key))
    this.renewing.set(key, renewal)
    await renewal
  }

  /** The registry's `/v2/`, with TLS wherever it can be had. */
  private registry(): Promise<URL> {
    this.base ??= this.findRegistry()
    return this.base
  }

  private async findRegistry(): Promise<URL> {
    const host = apiHost(this.host)
    const secure = new URL(`https://${host}/v2/`)
    const plain = new URL(`http://${host}/v2/`)
    if (this.options.plainHttp === true) return plain
    const { tlsCa, tlsVerify } = this.options
    if (tlsVerify !== false && (!isLoopback(host) || tlsCa !== undefined)) return secure
    try {
      const reply = await this.transport.open({ method: 'GET', url: secure })
      reply.cancel()
      return secure
    } catch (failure) {
      const error: unknown = failure instanceof PassingFailure ? failure.error : failure
      const cause = error instanceof Error ? error.cause : undefined
      const speaksNone = /wrong version number|packet length too long|EPROTO|SSL routines/i.test(
        String(cause),
      )
      // Without a port the two have one each.
      const isElsewhere = tlsVerify === false && secure.port === '' && systemCode(cause) === 'ECONNREFUSED'
      return speaksNone || isElsewhere ? plain : secure
    }
  }
}

/** Whether the answer sends the request elsewhere: one with a body only where it stays the same (RFC 9110, 15.4). */
function leadsOn({ method }: Request, status: number): boolean {
  if (status === 307 || status === 308) return true
  return (method === 'GET' || method === 'HEAD') && (status === 301 || status === 302 || status === 303)
}

/** @throws ImageError REGISTRY_FAILED for any other status */
export function expectStatus(answer: Answer, expected: readonly number[], what: string): void {
  if (!expected.includes(answer.status))
    throw new ImageError('REGISTRY_FAILED', `${answer.host}: cannot ${what}: ${answer.text}`)
}
