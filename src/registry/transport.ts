/** One request to a registry or its neighbours, and its answer, within deadlines. Redirects are answers too. */
import { type Dispatcher, request } from 'undici'
import { ImageError, orAbort, systemCode, systemReason } from '../errors.js'
import { brief, shown } from './address.js'
import { type Answer, type Headers, statusText } from './answer.js'
import { Clock, Progress } from './clock.js'
import { Connections, type Trust } from './connections.js'
import { PassingFailure, type RetryOptions, retryAfter, seconds } from './retry.js'
import { type Body, Sending } from './sending.js'

type Method = 'GET' | 'HEAD' | 'POST' | 'PATCH' | 'PUT' | 'DELETE'

export interface Question {
  method: Method
  url: URL
  headers?: Record<string, string> | undefined
  body?: Body | undefined
  /** What of this must not come back in a message. */
  secrets?: readonly string[] | undefined
}

/** An answer whose body is still to come; it must be read, or let go of. */
export interface Reply extends Headers {
  pieces: AsyncIterable<Buffer>
  cancel(): void
}

/** Answers that pass: too many requests, and the server's own troubles. */
const PASSING = new Set([408, 425, 429, 500, 502, 503, 504])
/** Bytes of an answer that is only for a message, or for nothing. */
const SHORT_ANSWER = 64 << 10

export class Transport {
  private readonly connections: Connections

  /** @throws ImageError REGISTRY_FAILED */
  constructor(
    trust: Trust,
    private readonly options: RetryOptions,
  ) {
    this.connections = new Connections(trust, options.patience.connect)
  }

  /**
   * @param limit bytes of the body of an answer that is no failure
   * @throws PassingFailure when there is no answer, or one that passes; ImageError REGISTRY_FAILED, ABORTED
   */
  async ask(question: Question, limit = SHORT_ANSWER): Promise<Answer> {
    const reply = await this.open(question)
    return this.finish(question, reply, limit)
  }

  /** Reads the rest of an answer. @throws as {@link ask} does */
  async finish({ method, url, secrets = [] }: Question, reply: Reply, limit = SHORT_ANSWER): Promise<Answer> {
    const { status, header } = reply
    const body = await readUpTo(status < 300 ? limit : SHORT_ANSWER, reply.pieces)
    const text = statusText(status, body, secrets)
    if (!PASSING.has(status)) return { host: url.host, status, header, body, text }
    const error = new ImageError('REGISTRY_FAILED', `${method} ${shown(url)}: ${text}`)
    throw new PassingFailure(error, { after: retryAfter(header('retry-after')) })
  }

  /** @throws as {@link ask} does, but for answers that pass; reading the body throws the same */
  async open({ method, url, headers = {}, body }: Question): Promise<Reply> {
    const { patience, signal, tell } = this.options
    const about = `${method} ${shown(url)}`
    const clock = new Clock(signal, about)
    let notice: NodeJS.Timeout | undefined
    let isAnswered = false
    const sent = (): void => {
      // Some answer before they have been given the last byte.
      if (isAnswered) return
      const time =
        body === undefined
          ? patience.headers
          : patience.commit + (body.weight ?? body.size) / patience.commitRate
      clock.await(time, `no answer within ${seconds(time)}`)
      const told = `${about}: no answer for ${seconds(patience.notice)}, it has up to ${seconds(time)}`
      notice = setTimeout(() => tell(told), patience.notice)
    }
    const sending =
      body === undefined || body.size === 0 ? undefined : new Sending(body, clock, patience, sent)
    if (sending === undefined) sent()
    try {
      const answer = await orAbort(
        request(url, {
          ...{ method, signal: clock.signal, dispatcher: this.connections.to(url) },
          headers: body === undefined ? headers : { ...headers, 'content-length': String(body.size) },
          body: sending?.stream ?? null,
        }),
        clock.signal,
      )
      clock.rest()
      return this.reply(answer, clock, about)
    } catch (thrown) {
      clock.close()
      throw sending?.failure ?? failure(thrown, clock, about)
    } finally {
      isAnswered = true
      clearTimeout(notice)
      sending?.stream.destroy()
    }
  }

  async close(): Promise<void> {
    await this.connections.close()
  }

  private reply({ statusCode, headers, body }: Dispatcher.ResponseData, clock: Clock, about: string): Reply {
    // It is read, or destroyed on purpose.
    body.on('error', () => {})
    const cancel = (): void => {
      clock.close()
      body.destroy()
    }
    const progress = new Progress(clock, this.options.patience)
    async function* read(): AsyncGenerator<Buffer> {
      const pieces: AsyncIterator<Buffer> = body[Symbol.asyncIterator]()
      try {
        for (;;) {
          progress.await()
          const { done, value } = await orAbort(pieces.next(), clock.signal)
          if (done) return
          progress.came(value.length)
          yield value
        }
      } catch (thrown) {
        throw failure(thrown, clock, about)
      } finally {
        cancel()
      }
    }
    const header = (name: string): string | undefined => {
      const value = headers[name]
      return Array.isArray(value) ? (name === 'www-authenticate' ? value.join(', ') : value[0]) : value
    }
    return { status: statusCode, header, pieces: read(), cancel }
  }
}

/** @returns undefined when it is longer */
async function readUpTo(limit: number, pieces: AsyncIterable<Buffer>): Promise<Buffer | undefined> {
  const parts: Buffer[] = []
  let size = 0
  for await (const piece of pieces) {
    size += piece.length
    if (size > limit) return undefined
    parts.push(piece)
  }
  return Buffer.concat(parts)
}

/** What ended a request, in the terms of this folder. */
function failure(thrown: unknown, clock: Clock, about: string): ImageError | PassingFailure {
  if (clock.ended !== undefined) return clock.ended
  if (thrown instanceof ImageError || thrown instanceof PassingFailure) return thrown
  const error = (reason: string, hint?: string): ImageError =>
    new ImageError('REGISTRY_FAILED', `${about}: ${brief(reason)}`, { hint, cause: thrown })
  const code = systemCode(thrown) ?? ''
  if (/^(CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|ERR_TLS_CERT)/.test(code))
    return error(
      `its certificate is not trusted (${code})`,
      '--tls-ca FILE names certificates to trust, --tls-verify=false takes any',
    )
  if (!code.startsWith('UND_ERR_') || !(thrown instanceof Error))
    return new PassingFailure(error(systemReason(thrown)))
  const reason = systemReason(thrown) === code ? `${thrown.message} (${code})` : systemReason(thrown)
  // A proxy that wants a password, or does not lead there, will say so again.
  return /^Proxy response \(4\d\d\)/.test(thrown.message) ? error(reason) : new PassingFailure(error(reason))
}
