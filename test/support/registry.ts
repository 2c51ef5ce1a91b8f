/** A real registry on this machine, and a proxy in front of it that misbehaves as it is told. */

import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http'
import { type AddressInfo, createServer as createTcpServer } from 'node:net'
import { join } from 'node:path'
import { after } from 'node:test'
import { command, start, until } from './clients.js'

export interface RegistryOptions {
  /** `user:password` that it wants. */
  login?: string
  /** A certificate of its own, made with `openssl`. */
  tls?: boolean
  /** Names that the certificate is for, beside the address. */
  names?: readonly string[]
}

export interface Registry {
  /** `127.0.0.1:PORT` */
  host: string
  /** The certificate to trust, where it has one. */
  ca: string
}

export async function freePort(): Promise<number> {
  const server = createTcpServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

/** Makes `key.pem` and `ca.pem`, a certificate that is its own authority, for this machine and other names. */
export function makeCertificate(directory: string, names: readonly string[] = ['registry.test']): void {
  mkdirSync(directory, { recursive: true })
  const subjects = ['IP:127.0.0.1', ...names.map((name) => `DNS:${name}`)].join()
  command('openssl', [
    ...['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=registry'],
    ...['-addext', `subjectAltName=${subjects}`],
    ...['-keyout', join(directory, 'key.pem'), '-out', join(directory, 'ca.pem')],
  ])
}

export async function startRegistry(directory: string, options: RegistryOptions = {}): Promise<Registry> {
  mkdirSync(join(directory, 'data'), { recursive: true })
  const host = `127.0.0.1:${await freePort()}`
  const ca = join(directory, 'ca.pem')
  const key = join(directory, 'key.pem')
  if (options.tls) makeCertificate(directory, options.names)
  const login = options.login?.split(':') as [string, string] | undefined
  if (login !== undefined) writeFileSync(join(directory, 'htpasswd'), command('htpasswd', ['-Bbn', ...login]))
  const config = {
    version: 0.1,
    log: { level: 'error' },
    storage: { filesystem: { rootdirectory: join(directory, 'data') }, delete: { enabled: true } },
    http: { addr: host, ...(options.tls ? { tls: { certificate: ca, key } } : {}) },
    ...(login === undefined
      ? {}
      : { auth: { htpasswd: { realm: 'test', path: join(directory, 'htpasswd') } } }),
  }
  const file = join(directory, 'config.yml')
  // JSON is YAML.
  writeFileSync(file, JSON.stringify(config))
  const log = join(directory, 'registry.log')
  start('docker-registry', ['serve', file], log)
  const url = `${options.tls ? 'https' : 'http'}://${host}/v2/`
  await until(
    'docker-registry',
    () =>
      spawnSync('curl', ['-ksf', '-o', '/dev/null', '-w', '%{http_code}', url]).stdout.toString() !== '000',
    log,
  )
  return { host, ca }
}

export interface Fault {
  /** Whether the fault is for this request. */
  when(request: IncomingMessage): boolean
  /** How often it happens; default: always. */
  times?: number
  /** Answers in place of the registry; undefined lets the request through. */
  act(request: IncomingMessage, response: ServerResponse): void
}

/** All requests that came, as `METHOD /path?query`, with their headers. */
export interface Proxy {
  host: string
  requests: { line: string; authorization: string | undefined; bytes: number }[]
  faults: Fault[]
  /** Added to all answers of the registry. */
  headers: Record<string, string>
  /** Sees an answer of the registry on its way, and may cut it off. */
  passing?: (request: IncomingMessage, answer: IncomingMessage, response: ServerResponse) => void
}

/** A server of the test's own. @returns its `HOST:PORT` */
export async function serve(
  handle: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<string> {
  const server = createServer(handle)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  after(() => {
    server.closeAllConnections()
    server.close()
  })
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** @param target the registry's `HOST:PORT` */
export async function startProxy(target: string): Promise<Proxy> {
  const proxy: Proxy = { host: '', requests: [], faults: [], headers: {} }
  const server: Server = createServer((incoming, response) => {
    const { method, url, headers } = incoming
    const bytes = Number(headers['content-length'] ?? 0)
    proxy.requests.push({ line: `${method} ${url}`, authorization: headers.authorization, bytes })
    const fault = proxy.faults.find((it) => (it.times ?? 1) > 0 && it.when(incoming))
    if (fault !== undefined) {
      if (fault.times !== undefined) fault.times--
      fault.act(incoming, response)
      return
    }
    const [hostname, port] = target.split(':')
    const outgoing = request(
      { hostname, port, method, path: url, headers: { ...headers, host: target } },
      (answer) => {
        const location = answer.headers.location?.replace(`//${target}/`, `//${proxy.host}/`)
        response.writeHead(answer.statusCode!, {
          ...answer.headers,
          ...(location ? { location } : {}),
          ...proxy.headers,
        })
        proxy.passing?.(incoming, answer, response)
        answer.pipe(response)
      },
    )
    outgoing.on('error', () => response.destroy())
    incoming.on('error', () => outgoing.destroy())
    incoming.pipe(outgoing)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  proxy.host = `127.0.0.1:${(server.address() as AddressInfo).port}`
  after(() => {
    server.closeAllConnections()
    server.close()
  })
  return proxy
}
