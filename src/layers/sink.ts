/**
 * Where an archive's bytes go: a sink lends a buffer, the producer fills it from the start and hands it
 * back. So the same producer feeds a digest or another thread, and reads file contents right into place.
 */
export interface Sink {
  /** An empty buffer to fill; its length is a multiple of 512 bytes. */
  lend(): Buffer
  /** Takes the first `used` bytes of the buffer lent last. */
  accept(used: number): void
}

/** A sink that wants only parts of an archive, in its order. */
export interface PartSink extends Sink {
  /** Where in the archive the buffer lent last begins, in bytes; infinity where no more of it is wanted. */
  readonly start: number
}

/** A cursor over a sink's buffers. */
export class SinkWriter {
  buffer: Buffer
  /** The next free byte of `buffer`; always less than its length. */
  at = 0
  /** Bytes written so far, those that nobody wanted included. */
  total: number
  /** Bytes that come before the buffer's first, and are not wanted. */
  private unwanted = 0

  /** @param total where in the archive the first byte lies that comes */
  constructor(
    private readonly sink: Sink | PartSink,
    total = 0,
  ) {
    this.total = total
    this.buffer = this.lend()
  }

  /** Whether nothing that may still come is wanted. */
  get isOver(): boolean {
    return this.unwanted === Number.POSITIVE_INFINITY
  }

  /** Whether what comes next is not wanted. */
  get isSkipping(): boolean {
    return this.unwanted > 0
  }

  /** Whether none of the next `size` bytes are wanted: they then count as written. */
  skips(size: number): boolean {
    if (this.unwanted < size) return false
    this.skip(size)
    return true
  }

  /** @returns how many of the next `size` bytes are not wanted: they count as written */
  skip(size: number): number {
    const count = Math.min(size, this.unwanted)
    this.unwanted -= count
    this.total += count
    return count
  }

  /** Counts `bytes` as written behind the cursor; a full buffer is handed over. */
  advance(bytes: number): void {
    this.at += bytes
    this.total += bytes
    if (this.at === this.buffer.length) this.flush()
  }

  write(bytes: Uint8Array): void {
    for (let done = this.skip(bytes.length); done < bytes.length; done += this.skip(bytes.length - done)) {
      const part = bytes.subarray(done, done + this.buffer.length - this.at)
      this.buffer.set(part, this.at)
      done += part.length
      this.advance(part.length)
    }
  }

  zeros(count: number): void {
    for (count -= this.skip(count); count > 0; count -= this.skip(count)) {
      const part = Math.min(count, this.buffer.length - this.at)
      this.buffer.fill(0, this.at, this.at + part)
      count -= part
      this.advance(part)
    }
  }

  /** Hands over what is left. */
  end(): void {
    if (this.at > 0) this.sink.accept(this.at)
  }

  private flush(): void {
    this.sink.accept(this.at)
    this.at = 0
    this.buffer = this.lend()
  }

  private lend(): Buffer {
    const buffer = this.sink.lend()
    if ('start' in this.sink) this.unwanted = this.sink.start - this.total
    return buffer
  }
}
