/** Docker Engine's HTTP API (docs.docker.com/reference/api/engine), by socket, TCP or ssh. */
import { spawn } from 'node:child_process'
import { type ClientRequest, type IncomingMessage, type RequestOptions, request } from 'node:http'
import { request as requestSecure } from 'node:https'
import { createInterface } from 'node:readline'
import { Duplex } from 'node:stream'
import { finished } from 'node:stream/promises'
import { aborted, checkAborted, type ImageError, systemCode } from '../errors.js'
import type { DockerHost } from './docker-host.js'
import { engineFailed, noEngine } from './failure.js'

/** Bytes of an answer that is read whole: a machine with thousands of images has a list of some megabytes. */
const MAX_ANSWER = 64 << 20

/** A line of the stream that a long work is answered with. */
export interface Progress {
  id?: string
  status?: string
  error?: string
  errorDetail?: { message?: string }
}

export class DockerApi {
  /** @param shown what the daemon's engine is called in messages */
  constructor(
    private readonly host: DockerHost,
    private readonly shown: string,
  ) {}

  /** A short question. @returns the answer's JSON @throws ImageError ENGINE_FAILED, ABORTED */
  async ask(method: string, path: string, signal: AbortSignal): Promise<unknown> {
    const call = this.open(method, path, signal)
    call.request.end()
    return parseAnswer(await this.read(await call.answer, signal))
  }

  /** What is at a path; undefined when there is nothing. @throws ImageError ENGINE_FAILED, ABORTED */
  async find(path: string, signal: AbortSignal): Promise<unknown> {
    const call = this.open('GET', path, signal)
    call.request.end()
    const answer = await call.answer
    if (answer.statusCode !== 404) return parseAnswer(await this.read(answer, signal))
    answer.resume()
    return undefined
  }

  /** What is at a path, of any length. @throws ImageError ENGINE_FAILED, also when it breaks off, ABORTED */
  async *pieces(path: string, signal: AbortSignal): AsyncGenerator<Buffer> {
    const call = this.open('GET', path, signal)
    call.request.end()
    const answer = await call.answer
    if (answer.statusCode! >= 400) await this.read(answer, signal)
    try {
      yield* answer as AsyncIterable<Buffer>
    } catch (error) {
      throw signal.aborted ? aborted(signal) : engineFailed(this.shown, 'the answer broke off', error)
    }
  }

  /** A long work. @param onProgress sees what is told of it @throws ImageError ENGINE_FAILED when it ends badly */
  async work(
    method: string,
    path: string,
    onProgress: (progress: Progress) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const call = this.open(method, path, signal)
    call.request.end()
    await this.follow(await call.answer, onProgress, signal)
  }

  /**
   * A request whose body is the caller's to write and to end.
   * @returns also a promise of the work's end, which fails as {@link work}
   */
  send(path: string, signal: AbortSignal): { body: ClientRequest; done: Promise<void> } {
    const call = this.open('POST', path, signal)
    call.request.setHeader('content-type', 'application/x-tar')
    const done = call.answer.then((answer) => this.follow(answer, () => {}, signal))
    return { body: call.request, done }
  }

  private open(
    method: string,
    path: string,
    signal: AbortSignal,
  ): { request: ClientRequest; answer: Promise<IncomingMessage> } {
    checkAborted(signal)
    const { way } = this.host
    const ssh = way.kind === 'ssh' ? new SshConnection(way.args) : undefined
    const common: RequestOptions = { method, path, signal }
    const call =
      way.kind === 'tcp'
        ? (way.tls === undefined ? request : requestSecure)({
            ...{ ...common, ...way.tls },
            ...{ host: way.host, port: way.port },
          })
        : request({
            ...{ ...common, headers: { host: 'docker' } },
            ...(way.kind === 'unix' ? { socketPath: way.path } : { createConnection: () => ssh!.stream }),
          })
    const answer = new Promise<IncomingMessage>((resolve, reject) => {
      call.on('response', resolve)
      call.on('error', (error) => void this.failure(error, signal, ssh).then(reject))
    })
    answer.catch(() => {})
    return { request: call, answer }
  }

  private async failure(
    error: Error,
    signal: AbortSignal,
    ssh: SshConnection | undefined,
  ): Promise<ImageError> {
    if (signal.aborted) return aborted(signal)
    // It says why, but not always first.
    await ssh?.ended
    if (ssh?.said) return engineFailed(`${this.shown}: no answer at ${this.host.shown}`, ssh.said, error)
    return systemCode(error) === 'EPIPE'
      ? engineFailed(this.shown, 'the connection was closed', error)
      : noEngine(this.shown, this.host.shown, 'DOCKER_HOST or docker context use', error)
  }

  /** @throws ImageError ENGINE_FAILED when the answer says so */
  private async read(answer: IncomingMessage, signal: AbortSignal): Promise<string> {
    const parts: Buffer[] = []
    let bytes = 0
    try {
      for await (const part of answer as AsyncIterable<Buffer>) {
        bytes += part.length
        if (bytes > MAX_ANSWER) throw new Error(`expected at most ${MAX_ANSWER} bytes`)
        parts.push(part)
      }
    } catch (error) {
      throw signal.aborted ? aborted(signal) : engineFailed(this.shown, (error as Error).message, error)
    }
    const text = Buffer.concat(parts).toString()
    if (answer.statusCode! < 400) return text
    throw engineFailed(this.shown, messageOf(text) ?? `the daemon answered ${answer.statusCode}`)
  }

  /** It says 200 whatever becomes of it. */
  private async follow(
    answer: IncomingMessage,
    onProgress: (progress: Progress) => void,
    signal: AbortSignal,
  ): Promise<void> {
    if (answer.statusCode! >= 400) {
      await this.read(answer, signal)
      return
    }
    let failed: string | undefined
    const over = finished(answer)
    over.catch(() => {})
    try {
      for await (const line of createInterface({ input: answer, crlfDelay: Number.POSITIVE_INFINITY })) {
        const progress = parse(line)
        failed ??= progress.errorDetail?.message ?? progress.error
        onProgress(progress)
      }
      await over
    } catch (error) {
      checkAborted(signal)
      throw engineFailed(this.shown, failed ?? 'the answer broke off', error)
    }
    if (failed !== undefined) throw engineFailed(this.shown, failed)
  }
}

/** Some answers are words. */
function parseAnswer(text: string): unknown {
  try {
    return JSON.parse(text || 'null')
  } catch {
    return text
  }
}

function parse(line: string): Progress {
  try {
    const value: unknown = JSON.parse(line)
    return typeof value === 'object' && value !== null ? value : {}
  } catch {
    return {}
  }
}

function messageOf(text: string): string | undefined {
  const { message } = parse(text) as { message?: unknown }
  return typeof message === 'string' ? message : undefined
}

/** A connection through a program's standard input and output. */
class SshConnection {
  readonly stream: Duplex
  /** What the program complained of. */
  said = ''
  readonly ended: Promise<unknown>

  constructor(args: readonly string[]) {
    const child = spawn('ssh', args, { stdio: ['pipe', 'pipe', 'pipe'], detached: true })
    child.stderr.on('data', (part: Buffer) => {
      this.said = (this.said + part).slice(-4096)
    })
    this.stream = Duplex.from({ writable: child.stdin, readable: child.stdout })
    this.ended = new Promise((resolve) => child.on('close', resolve))
    child.on('error', (error) => this.stream.destroy(error))
    this.stream.on('close', () => {
      try {
        if (child.pid !== undefined) process.kill(-child.pid, 'SIGTERM')
      } catch {
        // It has ended.
      }
    })
  }
}
