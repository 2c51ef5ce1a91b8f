/**
 * A read-only registry (OCI distribution specification 1.1, "Pull"): manifests and blobs of a catalog's images, made
 * when somebody asks for them.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { EMPTY_INDEX_DOCUMENT } from '../documents/oci-index.js'
import { ImageError } from '../errors.js'
import type { Descriptor } from '../model/descriptor.js'
import { isDigest } from '../model/digest.js'
import { type Authenticate, isAllowed, isOwnHost, TooManyTries } from './access.js'
import { type Asked, accepts, type Refusal, refuse, send, sendList, takeApart, tooMany } from './answers.js'
import { BlobSender } from './blob-sender.js'
import type { Catalog } from './catalog.js'
import { HttpServer, type ListenOptions } from './http-server.js'
import { parseRoute, type Route } from './routes.js'

interface ServerOptions extends ListenOptions {
  /** Names of this server that requests may come by, beside its addresses and the one it listens on. */
  names?: readonly string[]
  authenticate?: Authenticate | undefined
  /** A path that repositories must start with, which nobody can guess; then nothing is listed. */
  prefix?: string
  /** The page at `/`, in HTML, for somebody who asked that `HOST:PORT`. */
  page?: (address: string) => string
  /** Takes a line about each request. */
  onRequest?: ((line: string) => void) | undefined
  /** Takes what broke a response, and to which request. */
  onFailure: (error: unknown, request: string) => void
  /** Told of the blobs that were taken whole, or to their end. */
  onBlob?: (blob: Descriptor) => void
}

export class RegistryServer {
  private readonly http: HttpServer
  private readonly blobs: BlobSender

  constructor(
    private readonly catalog: Catalog,
    private readonly options: ServerOptions,
  ) {
    this.blobs = new BlobSender(
      (blob) => options.onBlob?.(blob),
      (digest) => catalog.forget(digest),
    )
    this.http = new HttpServer(options, (request, response) => this.serve(request, response))
  }

  /** @returns the address, `HOST:PORT` @throws ImageError OPTION_INVALID when it cannot be listened on */
  listen(): Promise<string> {
    return this.http.listen()
  }

  /** Takes no more connections. Resolves when the responses under way are over. */
  close(): Promise<void> {
    return this.http.close()
  }

  /** Ends all connections. */
  destroy(): void {
    this.http.destroy()
  }

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.tell(request, response)
    response.setHeader('docker-distribution-api-version', 'registry/2.0')
    response.setHeader('x-content-type-options', 'nosniff')
    try {
      await this.answer(request, response)
    } catch (error) {
      // A client that has left is no failure.
      if (!response.destroyed || error instanceof ImageError) this.fail(request, response, error)
    }
  }

  private tell(request: IncomingMessage, response: ServerResponse): void {
    const { onRequest } = this.options
    if (onRequest === undefined) return
    const started = performance.now()
    response.on('close', () => {
      const seconds = ((performance.now() - started) / 1000).toFixed(2)
      const bytes = request.method === 'HEAD' ? 0 : (response.getHeader('content-length') ?? 0)
      const end = response.writableFinished ? '' : ', cut off'
      onRequest(`${nameOf(request)} ${response.statusCode} ${bytes} ${seconds}s${end}`)
    })
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { host, names = [], authenticate, prefix = '' } = this.options
    if (!isOwnHost(request, [host, ...names]))
      return refuse(response, { status: 421, code: 'DENIED', message: 'this is no name of this server' })
    if (!(await isAllowed(request, authenticate))) {
      response.setHeader('www-authenticate', 'Basic realm="stream-layered-image"')
      return refuse(response, { status: 401, code: 'UNAUTHORIZED', message: 'authentication required' })
    }
    const target = takeApart(request.url ?? '')
    if (target === undefined)
      return refuse(response, { status: 400, code: 'NAME_INVALID', message: 'invalid path' })
    const route = parseRoute(target.path, prefix)
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.setHeader('allow', 'GET, HEAD')
      // Nobody waits for the body that may come.
      response.shouldKeepAlive = false
      return refuse(response, { status: 405, code: 'UNSUPPORTED', message: 'this registry is read-only' })
    }
    if ('status' in route) return refuse(response, route)
    if ('repository' in route) {
      if (!route.repository.startsWith(prefix)) return refuse(response, unknownName(route.repository))
      // containerd asks a mirror of Docker Hub for a name without a namespace by the one that Docker Hub has for it.
      if (target.query.get('ns') === 'docker.io')
        route.repository = route.repository.replace(/^library\//, '')
    }
    return this.route(route, { request, response, ...target })
  }

  private async route(route: Route, asked: Asked): Promise<void> {
    const { catalog } = this
    const { request, response } = asked
    switch (route.kind) {
      case 'page': {
        response.setHeader('content-security-policy', "default-src 'none'; style-src 'unsafe-inline'")
        const html = this.options.page?.(request.headers.host ?? '') ?? ''
        return send(asked, 'text/html; charset=utf-8', html)
      }
      case 'explorer': {
        const image = await catalog.byTag(route.repository, route.tag)
        if (image?.explorer === undefined) return refuse(response, this.unknownImage(route.repository))
        const { html, policy } = await image.explorer()
        response.setHeader('content-security-policy', policy)
        return send(asked, 'text/html; charset=utf-8', html)
      }
      case 'version':
        return send(asked, 'application/json', '{}')
      case 'catalog':
        return sendList(asked, catalog.repositories(), (repositories) => ({ repositories }))
      case 'tags': {
        const name = route.repository
        const tags = catalog.tags(name)
        if (tags === undefined) return refuse(response, unknownName(name))
        return sendList(asked, tags, (list) => ({ name, tags: list }))
      }
      case 'manifest':
        return this.sendManifest(route, asked)
      case 'blob': {
        const blob = await catalog.blob(route.repository, route.digest)
        if (blob !== undefined) return this.blobs.send(blob, asked)
        return refuse(response, { status: 404, code: 'BLOB_UNKNOWN', message: 'blob unknown to registry' })
      }
      case 'referrers':
        if (!catalog.has(route.repository)) return refuse(response, unknownName(route.repository))
        return send(asked, EMPTY_INDEX_DOCUMENT.descriptor.mediaType, EMPTY_INDEX_DOCUMENT.bytes)
      case 'upload': {
        const message = 'this registry is read-only'
        return refuse(response, { status: 404, code: 'BLOB_UPLOAD_UNKNOWN', message })
      }
    }
  }

  private async sendManifest(
    { repository, reference }: Extract<Route, { kind: 'manifest' }>,
    asked: Asked,
  ): Promise<void> {
    const { request, response } = asked
    const manifest = isDigest(reference)
      ? await this.catalog.manifest(repository, reference)
      : (await this.catalog.byTag(repository, reference))?.manifest
    if (manifest === undefined) return refuse(response, this.unknownImage(repository))
    const { mediaType, digest } = manifest.descriptor
    if (!accepts(request, mediaType)) {
      const message = 'OCI manifest found, but accept header does not support OCI manifests'
      return refuse(response, { status: 404, code: 'MANIFEST_UNKNOWN', message })
    }
    response.setHeader('docker-content-digest', digest)
    response.setHeader('etag', `"${digest}"`)
    if (request.headers['if-none-match']?.includes(digest)) return void response.writeHead(304).end()
    send(asked, mediaType, manifest.bytes)
  }

  private unknownImage(repository: string): Refusal {
    if (!this.catalog.has(repository)) return unknownName(repository)
    return { status: 404, code: 'MANIFEST_UNKNOWN', message: 'manifest unknown' }
  }

  private fail(request: IncomingMessage, response: ServerResponse, error: unknown): void {
    if (error instanceof TooManyTries) {
      tooMany(response, error.message)
      return
    }
    const message = error instanceof Error ? error.message : String(error)
    this.options.onFailure(error, nameOf(request))
    // Half a body must not look whole, nor an error like what was asked for.
    if (response.headersSent) {
      response.destroy()
      return
    }
    for (const name of ['docker-content-digest', 'etag', 'cache-control', 'accept-ranges', 'content-range'])
      response.removeHeader(name)
    refuse(response, { status: 500, code: 'UNKNOWN', message: message.slice(0, 300) })
  }
}

/** A request in a line for people: whatever is in it, the line stays one. */
function nameOf({ method, url = '' }: IncomingMessage): string {
  return `${method} ${url.slice(0, 300).replace(/[^\x21-\x7e]/g, '?')}`
}

function unknownName(repository: string): Refusal {
  const message = `repository ${repository} is not known to this registry`
  return { status: 404, code: 'NAME_UNKNOWN', message }
}
