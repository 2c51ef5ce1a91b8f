/** A registry that knows of blobs only how large they are, and takes a while for each answer. */
import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout } from 'node:timers/promises'

export class SlowRegistry {
  readonly host: string
  /** How many requests there were, by method. */
  readonly requests: Record<string, number> = {}
  /** The most that waited for an answer at once. */
  atOnce = 0
  private waiting = 0

  private constructor(
    private readonly server: ReturnType<typeof createServer>,
    private readonly sizes: Map<string, number>,
    private readonly wait: number,
  ) {
    this.host = `127.0.0.1:${(server.address() as AddressInfo).port}`
  }

  /** @param sizes bytes of the blobs that it has, by digest; those that come are added @param wait milliseconds */
  static async start(sizes: Map<string, number>, wait: number): Promise<SlowRegistry> {
    const server = createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => server.once('listening', resolve))
    const registry = new SlowRegistry(server, sizes, wait)
    server.on('request', (request, response) => {
      registry.answer(request, response).catch(() => response.destroy())
    })
    return registry
  }

  stop(): void {
    this.server.closeAllConnections()
    this.server.close()
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '' } = request
    this.requests[method] = (this.requests[method] ?? 0) + 1
    this.atOnce = Math.max(this.atOnce, ++this.waiting)
    const hash = createHash('sha256')
    let size = 0
    for await (const piece of request) {
      hash.update(piece)
      size += piece.length
    }
    if (this.wait > 0) await setTimeout(this.wait)
    this.waiting--
    const { status, headers } = this.replyTo(request, `sha256:${hash.digest('hex')}`, size)
    response.writeHead(status, headers).end()
  }

  private replyTo(
    { method, url = '' }: IncomingMessage,
    digest: string,
    size: number,
  ): { status: number; headers: Record<string, string> } {
    const { pathname, searchParams } = new URL(url, 'http://registry')
    const there = { 'docker-content-digest': digest }
    if (pathname === '/v2/') return { status: 200, headers: {} }
    if (method === 'HEAD') {
      const asked = pathname.slice(pathname.lastIndexOf('/') + 1)
      const length = this.sizes.get(asked)
      if (length === undefined) return { status: 404, headers: {} }
      return { status: 200, headers: { 'content-length': `${length}`, 'docker-content-digest': asked } }
    }
    if (method === 'POST') return { status: 202, headers: { location: `${pathname}1` } }
    if (method !== 'PUT') return { status: 404, headers: {} }
    if (pathname.includes('/manifests/')) return { status: 201, headers: there }
    if (searchParams.get('digest') !== digest) return { status: 400, headers: {} }
    this.sizes.set(digest, size)
    return { status: 201, headers: there }
  }
}
