/** HTTP to a registry and its neighbours: connections, certificates, proxies, and one answer for each request. */
import { readFileSync } from 'node:fs'
import type { Readable } from 'node:stream'
import { rootCertificates } from 'node:tls'
import { Agent, type Dispatcher, EnvHttpProxyAgent, request } from 'undici'
import { ImageError, systemCode, systemReason } from '../errors.js'
import { isLoopback } from './reference.js'
import { PassingFailure, retryAfter } from './retry.js'

export interface Answer {
  status: number
  header(name: string): string | undefined
  body: Buffer
}

export interface Question {
  method: 'GET' | 'HEAD' | 'POST' | 'PATCH' | 'PUT' | 'DELETE'
  url: URL
  headers?: Record<string, string> | undefined
  body?: Buffer | Readable | undefined
  signal: AbortSignal
}

/** Answers that pass: too many requests, and the server's own troubles. */
const PASSING = new Set([408, 425, 429, 500, 502, 503, 504])
const LARGEST_ANSWER = 16 << 20
const TIMEOUTS = { headersTimeout: 120_000, bodyTimeout: 120_000 }

export class Transport {
  private readonly direct: Agent
  private readonly proxied: EnvHttpProxyAgent

  /** @param caFile a PEM file of certificates to trust beside the usual ones @throws ImageError REGISTRY_FAILED */
  constructor(caFile: string | undefined) {
    const ca = caFile === undefined ? undefined : [...rootCertificates, readCertificates(caFile)]
    const connect = { timeout: 15_000, ...(ca === undefined ? {} : { ca }) }
    this.direct = new Agent({ connect, ...TIMEOUTS })
    this.proxied = new EnvHttpProxyAgent({ connect, requestTls: connect, proxyTls: connect, ...TIMEOUTS })
  }

  /**
   * Asks once; redirects are answers too.
   * @throws PassingFailure when there is no answer, or one that passes
   */
  async ask({ method, url, headers, body, signal }: Question): Promise<Answer> {
    const dispatcher: Dispatcher = isLoopback(url.host) ? this.direct : this.proxied
    try {
      const answer = await request(url, {
        method,
        headers: headers ?? {},
        body: body ?? null,
        signal,
        dispatcher,
      })
      const found: Answer = {
        status: answer.statusCode,
        header: (name) => {
          const value = answer.headers[name]
          return Array.isArray(value) ? value[0] : value
        },
        body: await readAll(answer.body, url),
      }
      if (!PASSING.has(found.status)) return found
      throw new PassingFailure(
        new ImageError('REGISTRY_FAILED', `${method} ${shown(url)}: ${statusText(found)}`),
        retryAfter(found.header('retry-after')),
      )
    } catch (error) {
      if (error instanceof PassingFailure || error instanceof ImageError) throw error
      if (signal.aborted) throw new ImageError('ABORTED', 'the build was aborted', { cause: error })
      const about = `${method} ${shown(url)}: `
      if (isCertificateError(error))
        throw new ImageError(
          'REGISTRY_FAILED',
          `${about}its certificate is not trusted (${systemCode(error)})`,
          {
            hint: '--tls-ca FILE names certificates to trust',
            cause: error,
          },
        )
      throw new PassingFailure(
        new ImageError('REGISTRY_FAILED', about + systemReason(error), { cause: error }),
      )
    } finally {
      if (body !== undefined && !Buffer.isBuffer(body)) body.destroy()
    }
  }

  async close(): Promise<void> {
    await Promise.all([this.direct.destroy(), this.proxied.destroy()])
  }
}

/** A URL without what may be secret in it. */
export function shown(url: URL): string {
  return `${url.protocol}//${url.host}${url.pathname}`
}

/** An answer's status, with the registry's own words (distribution spec, "Error Codes"). */
export function statusText({ status, body }: Answer): string {
  let words = ''
  try {
    const { errors } = JSON.parse(body.toString()) as { errors?: { code?: unknown; message?: unknown }[] }
    words = (errors ?? []).map(({ code, message }) => `${String(code)}: ${String(message)}`).join('; ')
  } catch {
    // It is no JSON; the status must do.
  }
  return words === '' ? `status ${status}` : `status ${status} (${words.slice(0, 300)})`
}

async function readAll(body: Readable, url: URL): Promise<Buffer> {
  const parts: Buffer[] = []
  let size = 0
  for await (const part of body as AsyncIterable<Buffer>) {
    size += part.length
    if (size > LARGEST_ANSWER)
      throw new ImageError(
        'REGISTRY_FAILED',
        `${shown(url)}: expected a short answer, found over ${LARGEST_ANSWER} bytes`,
      )
    parts.push(part)
  }
  return Buffer.concat(parts)
}

function isCertificateError(error: unknown): boolean {
  return /^(CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|ERR_TLS_CERT)/.test(systemCode(error) ?? '')
}

function readCertificates(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new ImageError('REGISTRY_FAILED', `cannot read ${file}: ${systemReason(error)}`, { cause: error })
  }
}
