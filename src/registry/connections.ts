/** Connections to registries: with certificates of one's own, through proxies, and none left behind. */
import { X509Certificate } from 'node:crypto'
import { Socket } from 'node:net'
import { rootCertificates } from 'node:tls'
import { Agent, buildConnector, type Dispatcher, EnvHttpProxyAgent } from 'undici'
import { attempt, ImageError } from '../errors.js'
import { readRegular } from '../files/open-regular.js'
import { isLoopback } from './reference.js'

/** Which certificates are taken. */
export interface Trust {
  /** A PEM file of certificates to trust beside the usual ones. */
  tlsCa?: string | undefined
  /** Default: true. */
  tlsVerify?: boolean | undefined
}

export class Connections {
  private readonly direct: Agent
  private readonly proxied: EnvHttpProxyAgent
  private readonly opening = new Set<Socket>()

  /**
   * @param trust whom; by default those that this machine trusts
   * @param timeout milliseconds until a connection is there
   * @throws ImageError REGISTRY_FAILED when the file holds none, or a proxy's address is none
   */
  constructor(trust: Trust, timeout: number, environment: NodeJS.ProcessEnv = process.env) {
    const { tlsCa, tlsVerify } = trust
    const ca = tlsCa === undefined ? {} : { ca: [...rootCertificates, readCertificates(tlsCa)] }
    const unchecked = tlsVerify === false ? { rejectUnauthorized: false } : {}
    const connector = buildConnector({ timeout, ...ca, ...unchecked })
    const connect: buildConnector.connector = (options, callback) => {
      const socket: unknown = connector(options, (...result) => {
        if (socket instanceof Socket) this.opening.delete(socket)
        callback(...result)
      })
      if (socket instanceof Socket) this.opening.add(socket)
    }
    // The deadlines are the transport's.
    const timeouts = { headersTimeout: 0, bodyTimeout: 0 }
    const tls = { timeout, ...ca }
    // It is the registry that is taken as it is, not a proxy on the way.
    const requestTls = { ...tls, ...unchecked }
    this.direct = new Agent({ connect, ...timeouts })
    this.proxied = new EnvHttpProxyAgent({
      ...{ connect, requestTls, proxyTls: tls, ...timeouts },
      httpProxy: proxyOf('HTTP_PROXY', environment),
      httpsProxy: proxyOf('HTTPS_PROXY', environment),
    })
  }

  /** What leads to the address. This machine is never asked for through a proxy. */
  to(url: URL): Dispatcher {
    return isLoopback(url.host) ? this.direct : this.proxied
  }

  async close(): Promise<void> {
    // undici waits for them otherwise, and keeps the process.
    for (const socket of this.opening) socket.destroy()
    await Promise.all([this.direct.destroy(), this.proxied.destroy()])
  }
}

/** A proxy's address; without a scheme it is `http://`, as curl takes it. Empty when there is none. */
function proxyOf(name: string, environment: NodeJS.ProcessEnv): string {
  const text = environment[name.toLowerCase()] ?? environment[name] ?? ''
  if (text === '') return ''
  const address = text.includes('://') ? text : `http://${text}`
  if (!URL.canParse(address) || !/^https?:/.test(address))
    // The address may hold a password.
    throw new ImageError('REGISTRY_FAILED', `${name}: expected [http://]HOST:PORT, found another address`)
  return address
}

function readCertificates(file: string): string {
  return attempt('REGISTRY_FAILED', `cannot read ${file}`, () => {
    const text = readRegular(file).toString()
    const blocks = text.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g)
    if (blocks === null) throw new Error('expected certificates in PEM form, found none')
    for (const block of blocks) new X509Certificate(block)
    return text
  })
}
