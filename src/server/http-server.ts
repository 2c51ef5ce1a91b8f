/**
 * HTTP within bounds: requests that never end, connections without requests, and floods of either cost nothing but
 * themselves. Requests of one connection are answered one after the other, however many of them come at once.
 */
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { finished } from 'node:stream'
import { attempt, ImageError, systemCode, systemReason } from '../errors.js'

export interface ListenOptions {
  /** An address or a name of this machine; port 0 is any. */
  host: string
  port: number
  /** In PEM form. */
  tls?: { cert: string; key: string } | undefined
}

/** Answers a request; what it throws is the handler's own to tell. */
type Handler = (request: IncomingMessage, response: ServerResponse) => Promise<void>

/** No client of a registry needs more. Bytes, and milliseconds. */
const LIMITS = {
  maxHeaderSize: 16 << 10,
  /** For the headers, and for the whole of a request: what a registry that is read has to be told is short. */
  headersTimeout: 15_000,
  requestTimeout: 30_000,
  keepAliveTimeout: 60_000,
  connectionsCheckingInterval: 5_000,
}
/** Milliseconds for TLS to be agreed on. */
const HANDSHAKE = 10_000
/** Milliseconds in which no byte goes either way: a client that unpacks may stop reading for a while. */
const STALLED = 300_000
/** Connections at once; what comes beyond is closed. */
const MAX_CONNECTIONS = 1024
/** Requests of one connection that wait for the one before them. */
const MAX_WAITING = 64

/** Requests of a connection, in their order. */
interface Queue {
  waiting: number
  last: Promise<void>
}

export class HttpServer {
  private readonly server: Server
  /** All connections, and those that speak HTTP. With TLS these are others. */
  private readonly sockets = new Set<Socket>()
  private readonly queues = new Map<Socket, Queue>()
  private isClosing = false

  /** @throws ImageError OPTION_INVALID when certificate and key are none */
  constructor(
    private readonly options: ListenOptions,
    private readonly handle: Handler,
  ) {
    const { tls } = options
    const take: RequestListener = (request, response) => this.take(request, response)
    this.server =
      tls === undefined
        ? createServer(LIMITS, take)
        : attempt('OPTION_INVALID', 'cannot use the certificate and its key', () =>
            createSecureServer({ ...LIMITS, ...tls, handshakeTimeout: HANDSHAKE }, take),
          )
    this.server.maxConnections = MAX_CONNECTIONS
    this.server.timeout = STALLED
    // The body is not waited for: whoever asks before sending one is answered at once.
    this.server.on('checkContinue', take)
    this.server.on('clientError', (error, socket) => this.refuse(error, socket as Socket))
    this.server.on('connection', (socket) => {
      this.sockets.add(socket)
      socket.on('close', () => this.sockets.delete(socket))
    })
    this.server.on(tls === undefined ? 'connection' : 'secureConnection', (socket) => this.register(socket))
  }

  /** @returns the address, `HOST:PORT` @throws ImageError OPTION_INVALID when it cannot be listened on */
  async listen(): Promise<string> {
    const { host, port } = this.options
    await new Promise<void>((resolve, reject) => {
      this.server.once('error', (error) => {
        const message = `cannot listen on ${host}:${port}: ${systemReason(error)}`
        reject(new ImageError('OPTION_INVALID', message, { cause: error }))
      })
      this.server.listen(port, host, resolve)
    })
    const { address, family, port: taken } = this.server.address() as AddressInfo
    return `${family === 'IPv6' ? `[${address}]` : address}:${taken}`
  }

  /** Takes no more connections and requests. Resolves when the responses under way are over. */
  async close(): Promise<void> {
    this.isClosing = true
    const closed = new Promise<void>((resolve) => this.server.close(() => resolve()))
    for (const [socket, { waiting }] of this.queues) if (waiting === 0) socket.destroy()
    this.endHandshakes()
    await closed
  }

  /** Ends all connections, whatever is under way. */
  destroy(): void {
    this.isClosing = true
    this.server.close()
    for (const socket of this.sockets) socket.destroy()
  }

  private register(socket: Socket): void {
    if (this.isClosing) return void socket.destroy()
    this.queues.set(socket, { waiting: 0, last: Promise.resolve() })
    socket.on('close', () => {
      this.queues.delete(socket)
      if (this.isClosing) this.endHandshakes()
    })
  }

  /** When nobody is served any more, connections that never came to speak HTTP have no reason to stay. */
  private endHandshakes(): void {
    if (this.queues.size === 0) for (const socket of this.sockets) socket.destroy()
  }

  private take(request: IncomingMessage, response: ServerResponse): void {
    const { socket } = request
    const queue = this.queues.get(socket)
    if (queue === undefined || queue.waiting >= MAX_WAITING) return void socket.destroy()
    // A body is nothing that a registry reads that is only read.
    request.resume()
    queue.waiting++
    queue.last = queue.last.then(async () => {
      if (!socket.destroyed) await this.answer(request, response)
      queue.waiting--
      if (this.isClosing && queue.waiting === 0) socket.destroySoon()
    })
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (this.isClosing) response.shouldKeepAlive = false
    const { socket } = request
    const over = new Promise<void>((resolve) => {
      const end = (): void => {
        // A connection has any number of requests.
        socket.off('close', end)
        resolve()
      }
      finished(response, end)
      socket.on('close', end)
    })
    await this.handle(request, response)
    await over
  }

  /** What is no HTTP. In the middle of a response nothing can be said. */
  private refuse(error: Error, socket: Socket): void {
    const status = STATUS[systemCode(error) ?? ''] ?? '400 Bad Request'
    if (socket.writable && this.queues.get(socket)?.waiting === 0)
      socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
    else socket.destroy()
  }
}

const STATUS: Record<string, string> = {
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
}
