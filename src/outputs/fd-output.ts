/**
 * An image into a file descriptor. Writes never block this thread on a pipe or socket: they are tried at
 * once, and when the reader is slow the event loop waits for it, so signals and workers are still served.
 */
import { closeSync, fstatSync, writeSync } from 'node:fs'
import type { Socket } from 'node:net'
import { systemCode } from '../errors.js'
import { reopenPipe } from '../files/reopen.js'
import type { ByteOutput } from '../model/output.js'
import { PipeReaders } from './pipe-readers.js'
import { outputError, readerLeft } from './writable-output.js'

/**
 * How much is offered to a pipe at once: what it holds. Alone, an 8 KiB write is the cheapest; beside
 * workers that need the cores, fewer and larger ones are (100 layers, 2.5 GB on two cores: 5.1 s with
 * 8 KiB, 4.4 s with 32 KiB, 4.1 s with 64 KiB).
 */
const PIPE_PIECE = 64 * 1024

/** Milliseconds between looks at the readers of a pipe that nothing is written to. */
const LOOK_EVERY = 700

export class FdOutput implements ByteOutput {
  readonly lost: Promise<never>
  private failure: Error | undefined
  private rejectPending: ((error: Error) => void) | undefined
  /** Whether anything was written since the readers were looked for. */
  private idle = true
  private watch: NodeJS.Timeout | undefined

  private constructor(
    private readonly fd: number,
    private readonly ownsFd: boolean,
    private readonly piece: number,
    private socket: Socket | undefined,
    readers: PipeReaders | undefined,
  ) {
    this.lost = new Promise((_, reject) => {
      if (readers !== undefined)
        this.watch = setInterval(() => this.look(readers, reject), LOOK_EVERY).unref()
    })
    this.lost.catch(() => {})
  }

  /** @param fd an open descriptor; it stays open */
  static async open(fd: number): Promise<FdOutput> {
    const kind = fstatSync(fd)
    if (kind.isSocket())
      return new FdOutput(fd, false, PIPE_PIECE, socketOf(await import('node:net'), fd), undefined)
    if (!kind.isFIFO()) return new FdOutput(fd, false, Number.POSITIVE_INFINITY, undefined, undefined)
    const own = reopenPipe(fd)
    return new FdOutput(own ?? fd, own !== undefined, PIPE_PIECE, undefined, new PipeReaders(fd))
  }

  write(bytes: Uint8Array): void | Promise<void> {
    if (this.failure !== undefined) throw this.failure
    this.idle = false
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

  private look(readers: PipeReaders, reject: (error: Error) => void): void {
    // While a write waits, the kernel tells.
    if (this.idle && this.rejectPending === undefined && readers.gone()) reject(readerLeft())
    this.idle = true
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

  /** Writes the rest as a stream does, which waits until the descriptor can be written to. */
  private async waitAndWrite(bytes: Uint8Array): Promise<void> {
    const net = await import('node:net')
    // Given up meanwhile, the descriptor is closed, and may be another's.
    if (this.failure !== undefined) throw this.failure
    this.socket ??= socketOf(net, this.fd)
    const { socket } = this
    await new Promise<void>((resolve, reject) => {
      this.rejectPending = reject
      socket.write(bytes, (error) => (error ? reject(outputError(error)) : resolve()))
    })
    this.rejectPending = undefined
  }

  private release(): void {
    const { socket } = this
    clearInterval(this.watch)
    if (socket === undefined) {
      if (this.ownsFd) closeSync(this.fd)
    } else if (this.ownsFd || this.failure !== undefined) socket.destroy()
    else socket.unref()
    this.failure ??= new Error('the output was closed')
  }
}

function socketOf({ Socket }: typeof import('node:net'), fd: number): Socket {
  const socket = new Socket({ fd, readable: false, writable: true })
  // A failed write tells its callback; without a listener the event would end the process.
  socket.on('error', () => {})
  return socket
}
