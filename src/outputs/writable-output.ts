import type { Writable } from 'node:stream'
import { ImageError, systemCode } from '../errors.js'
import type { ByteOutput } from '../model/output.js'

/** An image into any Node stream. The stream is not ended: it is its owner's. */
export class WritableOutput implements ByteOutput {
  readonly lost: Promise<never>
  private failure: Error | undefined
  private rejectLost: (error: Error) => void = () => {}
  private wake: (() => void) | undefined
  private readonly onError = (error: Error): void => this.fail(outputError(error))
  private readonly onClose = (): void =>
    this.fail(outputError(Object.assign(new Error('the stream was closed'), { code: 'EPIPE' })))

  constructor(private readonly stream: Writable) {
    this.lost = new Promise((_, reject) => {
      this.rejectLost = reject
    })
    this.lost.catch(() => {})
    stream.on('error', this.onError)
    stream.on('close', this.onClose)
    stream.on('drain', this.resume)
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (this.failure !== undefined) throw this.failure
    // Streams may keep what they were given, and these bytes will change: hence a copy.
    if (!this.stream.write(Buffer.from(bytes))) await this.drained()
    if (this.failure !== undefined) throw this.failure
  }

  /** Resolves when the stream has taken everything. */
  async end(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.wake = resolve
      if (this.failure !== undefined) resolve()
      else
        this.stream.write(Buffer.alloc(0), (error) => {
          // The event comes later, when the stream has been destroyed.
          if (error) this.fail(outputError(this.stream.errored ?? error))
          resolve()
        })
    })
    this.detach()
    if (this.failure !== undefined) throw this.failure
  }

  abort(error: Error): void {
    this.fail(error)
    this.detach()
  }

  private readonly resume = (): void => {
    this.wake?.()
    this.wake = undefined
  }

  private drained(): Promise<void> {
    return new Promise((resolve) => {
      this.wake = resolve
      if (this.failure !== undefined) this.resume()
    })
  }

  private fail(error: Error): void {
    this.failure ??= error
    this.rejectLost(this.failure)
    this.resume()
  }

  private detach(): void {
    this.stream.off('close', this.onClose)
    this.stream.off('drain', this.resume)
    // A stream that fails later fails in its owner's hands, but this listener has kept it from being fatal.
    if (this.failure === undefined) this.stream.off('error', this.onError)
  }
}

/** @returns OUTPUT_CLOSED when the reader has left, otherwise OUTPUT_FAILED */
export function outputError(error: Error): ImageError {
  const code = systemCode(error)
  if (code === 'EPIPE' || code === 'ECONNRESET' || code === 'ERR_STREAM_DESTROYED') {
    return readerLeft(error)
  }
  const hint = code === 'ENOSPC' ? 'make room, or write to another place' : undefined
  return new ImageError('OUTPUT_FAILED', `cannot write the output: ${error.message}`, { hint, cause: error })
}

export function readerLeft(cause?: Error): ImageError {
  return new ImageError('OUTPUT_CLOSED', 'the reader of the image has closed its end', { cause })
}
