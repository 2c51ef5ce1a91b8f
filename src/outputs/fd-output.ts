/**
 * An image into a file descriptor. Writes never block this thread on a pipe or socket: they are tried at
 * once, and when the reader is slow the event loop waits for it, so signals and workers are still served.
 */
import { closeSync, constants, fstatSync, openSync, writeSync } from 'node:fs'
import type { Socket } from 'node:net'
import { systemCode } from '../errors.js'
import type { ByteOutput } from './byte-output.js'
import { outputError } from './writable-output.js'

/**
 * A pipe holds 64 KiB. Writing it full in one piece makes writer and reader take turns; with pieces of
 * this size they work side by side.
 */
const PIPE_PIECE = 8 * 1024

export class FdOutput implements ByteOutput {
  private readonly fd: number
  private readonly ownsFd: boolean
  private readonly piece: number
  private socket: Socket | undefined
  private failure: Error | undefined
  private rejectPending: ((error: Error) => void) | undefined

  /** @param fd an open descriptor; it stays open */
  constructor(fd: number) {
    const kind = fstatSync(fd)
    const own = kind.isFIFO() ? reopen(fd) : undefined
    this.fd = own ?? fd
    this.ownsFd = own !== undefined
    this.piece = kind.isFIFO() || kind.isSocket() ? PIPE_PIECE : Number.POSITIVE_INFINITY
  }

  write(bytes: Uint8Array): void | Promise<void> {
    if (this.failure !== undefined) throw this.failure
    const done = this.tryWrite(bytes)
    if (done < bytes.length) return this.waitAndWrite(bytes.subarray(done))
  }

  end(): void {
    this.release()
  }

  abort(error: Error): void {
    this.failure ??= error
    this.rejectPending?.(error)
    this.release()
  }

  /** Writes what is taken at once. @returns the number of bytes */
  private tryWrite(bytes: Uint8Array): number {
    let done = 0
    while (done < bytes.length) {
      try {
        done += writeSync(this.fd, bytes, done, Math.min(this.piece, bytes.length - done))
      } catch (error) {
        if (systemCode(error) === 'EAGAIN') return done
        throw outputError(error as Error)
      }
    }
    return done
  }

  private async waitAndWrite(bytes: Uint8Array): Promise<void> {
    const socket = await this.open()
    await new Promise<void>((resolve, reject) => {
      this.rejectPending = reject
      socket.write(bytes, (error) => (error ? reject(outputError(error)) : resolve()))
    })
  }

  /** The descriptor as a stream, for waiting until it can be written to. */
  private async open(): Promise<Socket> {
    if (this.socket === undefined) {
      const { Socket } = await import('node:net')
      this.socket = new Socket({ fd: this.fd, readable: false, writable: true })
      this.socket.on('error', (error) => {
        this.failure ??= outputError(error)
      })
    }
    return this.socket
  }

  private release(): void {
    if (this.socket !== undefined) {
      if (this.ownsFd) this.socket.destroy()
      else this.socket.unref()
    } else if (this.ownsFd) closeSync(this.fd)
  }
}

/**
 * A description of the same pipe that nobody else shares: setting it non-blocking does not change what
 * other processes see. Undefined where /proc is not there.
 */
function reopen(fd: number): number | undefined {
  try {
    return openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK)
  } catch {
    return undefined
  }
}
