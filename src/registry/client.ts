/** One repository in a registry, by the OCI distribution specification 1.1. */
import { createReadStream } from 'node:fs'
import { ImageError } from '../errors.js'
import { type Credentials, findCredentials } from './credentials.js'
import { apiHost, isLoopback, type OtherImage, type RegistryReference } from './reference.js'
import { PassingFailure, retrying } from './retry.js'
import { authorize, denied, parseChallenge } from './token.js'
import { type Answer, type Question, shown, statusText, Transport } from './transport.js'

export interface ClientOptions {
  /** A PEM file of certificates to trust beside the usual ones. */
  tlsCa?: string | undefined
  /** Speak HTTP without TLS; without it only a registry on this machine may. */
  plainHttp?: boolean | undefined
  /** A repository of the same registry whose blobs may be mounted in place of uploads. */
  mountFrom?: string | undefined
}

export interface BlobId {
  /** `sha256:…` */
  digest: string
  /** Bytes. */
  size: number
}

interface Asked {
  /** Default: the reference's. */
  repository?: string
  headers?: Record<string, string>
  body?: Buffer
}

const MANIFEST = 'application/vnd.oci.image.manifest.v1+json'
/** What is tried when a server refuses a body as too large, and the least that is. */
const FIRST_CHUNK = 16 << 20
const LEAST_CHUNK = 64 << 10
/** How many new tokens one request may ask for. */
const RENEWALS = 4

export class RegistryClient {
  private readonly transport: Transport
  private readonly credentials: Promise<Credentials | undefined>
  private readonly stop = new AbortController()
  private readonly scopes: string[]
  private base: Promise<URL> | undefined
  private authorization: string | undefined
  private renewing: Promise<void> | undefined
  /** Bytes that a request body may have, once the server has refused a larger one. */
  private chunk = Number.POSITIVE_INFINITY

  constructor(
    readonly reference: RegistryReference,
    private readonly options: ClientOptions,
  ) {
    this.transport = new Transport(options.tlsCa)
    this.credentials = findCredentials(reference.host)
    this.credentials.catch(() => {})
    this.scopes = [`repository:${reference.repository}:pull,push`]
    if (options.mountFrom !== undefined) this.scopes.push(`repository:${options.mountFrom}:pull`)
  }

  /** Whether the repository has the blob. */
  async has({ digest, size }: BlobId): Promise<boolean> {
    const { status, header } = await this.ask('HEAD', `blobs/${digest}`, [200, 404])
    return status === 200 && header('content-length') === String(size)
  }

  /** Mounts the blob from the repository that the options name; false when it cannot be. */
  async mount({ digest }: BlobId): Promise<boolean> {
    const { mountFrom } = this.options
    if (mountFrom === undefined) return false
    const path = `blobs/uploads/?${new URLSearchParams({ mount: digest, from: mountFrom })}`
    const answer = await this.ask('POST', path, [201, 202])
    if (answer.status === 201) return true
    // The registry has begun an upload instead, which is not wanted.
    const upload = this.place(answer, await this.registry())
    await this.once('DELETE', upload, {}).catch(() => {})
    return false
  }

  /** Uploads a blob. @param content a file of just the blob, or its bytes */
  async put(blob: BlobId, content: string | Buffer): Promise<void> {
    const upload = async (): Promise<boolean> => {
      const begun = await this.once('POST', await this.url('blobs/uploads/'), {})
      expect(begun, [202], 'begin an upload of', blob.digest)
      const place = this.place(begun, await this.registry())
      if (blob.size <= this.chunk) return this.putWhole(place, blob, content)
      const least = Number(begun.header('oci-chunk-min-length') ?? 0)
      return this.putChunks(place, blob, content, Math.max(this.chunk, least))
    }
    // Each body that is refused as too large makes the next ones smaller.
    while (!(await retrying(upload)));
  }

  /** An image's manifest; undefined when there is none. */
  async manifest({ repository, reference }: OtherImage): Promise<Buffer | undefined> {
    const request = { repository, headers: { accept: MANIFEST } }
    const { status, body } = await this.ask('GET', `manifests/${reference}`, [200, 404], request)
    return status === 200 ? body : undefined
  }

  /** Puts the manifest under the reference's tag. @throws ImageError REGISTRY_FAILED when the registry has another digest for it */
  async putManifest(bytes: Buffer, digest: string): Promise<void> {
    const headers = { 'content-type': MANIFEST }
    const request = { headers, body: bytes }
    const answer = await this.ask('PUT', `manifests/${this.reference.tag}`, [200, 201, 202], request)
    expectDigest(answer, digest, 'manifest')
  }

  async close(): Promise<void> {
    this.stop.abort()
    await this.transport.close()
  }

  /** @returns false when the body was too large */
  private async putWhole(place: URL, blob: BlobId, content: string | Buffer): Promise<boolean> {
    const url = withDigest(place, blob.digest)
    const headers = { 'content-type': 'application/octet-stream', 'content-length': String(blob.size) }
    const body = typeof content === 'string' ? createReadStream(content) : content
    const answer = await this.once('PUT', url, headers, body)
    if (answer.status === 413) return this.takeLess(blob.size, answer, blob)
    // The bytes were damaged on the way, or the session lost.
    if (answer.status === 400 || answer.status === 404)
      throw new PassingFailure(unexpected(answer, 'upload', blob.digest))
    expect(answer, [201, 204], 'upload', blob.digest)
    expectDigest(answer, blob.digest, 'blob')
    return true
  }

  /** @param chunk bytes of each body @returns false when one was too large */
  private async putChunks(
    begun: URL,
    blob: BlobId,
    content: string | Buffer,
    chunk: number,
  ): Promise<boolean> {
    let place = begun
    for (let start = 0; start < blob.size; ) {
      const end = Math.min(start + chunk, blob.size)
      const body =
        typeof content === 'string'
          ? createReadStream(content, { start, end: end - 1 })
          : content.subarray(start, end)
      const headers = {
        'content-type': 'application/octet-stream',
        'content-range': `${start}-${end - 1}`,
        'content-length': String(end - start),
      }
      const answer = await this.once('PATCH', place, headers, body)
      if (answer.status === 413) return this.takeLess(end - start, answer, blob)
      // A session that was lost on the way is begun anew.
      if (answer.status === 404 || answer.status === 416)
        throw new PassingFailure(unexpected(answer, 'upload', blob.digest))
      expect(answer, [202, 204], 'upload a part of', blob.digest)
      place = this.place(answer, place)
      start = end
    }
    const answer = await this.once('PUT', withDigest(place, blob.digest), { 'content-length': '0' })
    expect(answer, [201, 204], 'finish', blob.digest)
    expectDigest(answer, blob.digest, 'blob')
    return true
  }

  /** Sends smaller bodies than the refused one from now on. @throws ImageError when that was small already */
  private takeLess(refused: number, answer: Answer, blob: BlobId): false {
    if (refused <= LEAST_CHUNK) throw unexpected(answer, 'upload', blob.digest)
    this.chunk = Math.min(this.chunk, FIRST_CHUNK, Math.max(LEAST_CHUNK, Math.ceil(refused / 2)))
    return false
  }

  /** Where an upload goes on: `Location`, which may lead to another host. */
  private place(answer: Answer, from: URL): URL {
    const location = answer.header('location')
    if (location === undefined || !URL.canParse(location, from.href))
      throw new ImageError('REGISTRY_FAILED', `${shown(from)}: expected a Location for an upload, found none`)
    return new URL(location, from)
  }

  /** A request that may be repeated, with redirects followed. */
  private async ask(
    method: Question['method'],
    path: string,
    expected: readonly number[],
    { repository = this.reference.repository, headers = {}, body }: Asked = {},
  ): Promise<Answer> {
    return retrying(async () => {
      let url = await this.url(path, repository)
      for (let hops = 0; ; hops++) {
        const answer = await this.once(method, url, headers, body)
        const location = answer.header('location')
        if ([301, 302, 303, 307, 308].includes(answer.status) && location !== undefined && hops < 5) {
          url = new URL(location, url)
          continue
        }
        expect(answer, expected, method, path)
        return answer
      }
    })
  }

  /**
   * One request with authorization, which is renewed when it has run out: more than once, as others may have
   * used up a new one meanwhile.
   * @throws PassingFailure, ImageError REGISTRY_DENIED
   */
  private async once(
    method: Question['method'],
    url: URL,
    headers: Record<string, string>,
    body?: Question['body'],
  ): Promise<Answer> {
    const { signal } = this.stop
    const base = await this.registry()
    // Credentials are for this registry alone, not for where it sends uploads and downloads.
    const trusted = url.origin === base.origin
    for (let renewals = 0; ; renewals++) {
      await this.renewing
      const used = this.authorization
      const authorization = trusted && used !== undefined ? { authorization: used } : {}
      const all = { ...headers, ...authorization }
      const answer = await this.transport.ask({ method, url, headers: all, body, signal })
      const refused = denied(`${shown(url)}: ${statusText(answer)}`)
      if (answer.status === 403) throw refused
      if (answer.status !== 401 || !trusted) return answer
      if (used?.startsWith('Basic ') || renewals === RENEWALS) throw refused
      await this.renew(answer, used, base)
      // A stream cannot be sent twice.
      if (body !== undefined && !Buffer.isBuffer(body)) throw new PassingFailure(refused, 0)
    }
  }

  /** Gets a new authorization, one for all who found the old one of no use. */
  private async renew(answer: Answer, used: string | undefined, base: URL): Promise<void> {
    if (this.authorization !== used) return
    this.renewing ??= (async () => {
      const challenge = parseChallenge(answer.header('www-authenticate'))
      if (challenge === undefined)
        throw denied(`${shown(base)}: expected a challenge for Basic or Bearer, found none`)
      const { scopes, transport, stop } = this
      this.authorization = await authorize(
        challenge,
        scopes,
        await this.credentials,
        base,
        transport,
        stop.signal,
      )
    })().finally(() => {
      this.renewing = undefined
    })
    await this.renewing
  }

  private async url(path: string, repository = this.reference.repository): Promise<URL> {
    return new URL(`${repository}/${path}`, await this.registry())
  }

  /** The registry's `/v2/`, with TLS wherever it can be had. */
  private registry(): Promise<URL> {
    this.base ??= this.findRegistry()
    return this.base
  }

  private async findRegistry(): Promise<URL> {
    const host = apiHost(this.reference.host)
    const secure = new URL(`https://${host}/v2/`)
    const plain = new URL(`http://${host}/v2/`)
    if (this.options.plainHttp === true) return plain
    if (!isLoopback(host) || this.options.tlsCa !== undefined) return secure
    try {
      await this.transport.ask({ method: 'GET', url: secure, signal: this.stop.signal })
      return secure
    } catch (failure) {
      const error: unknown = failure instanceof PassingFailure ? failure.error : failure
      const cause = error instanceof Error ? String(error.cause) : ''
      return /wrong version number|packet length too long|EPROTO|SSL routines/i.test(cause) ? plain : secure
    }
  }
}

function withDigest(place: URL, digest: string): URL {
  const url = new URL(place)
  url.searchParams.set('digest', digest)
  return url
}

function expect(answer: Answer, expected: readonly number[], what: string, subject: string): void {
  if (!expected.includes(answer.status)) throw unexpected(answer, what, subject)
}

function unexpected(answer: Answer, what: string, subject: string): ImageError {
  return new ImageError('REGISTRY_FAILED', `cannot ${what} ${subject}: ${statusText(answer)}`)
}

function expectDigest(answer: Answer, digest: string, what: string): void {
  const found = answer.header('docker-content-digest')
  if (found !== undefined && found !== digest)
    throw new ImageError(
      'REGISTRY_FAILED',
      `expected the registry to hold the ${what} ${digest}, found ${found}`,
    )
}
