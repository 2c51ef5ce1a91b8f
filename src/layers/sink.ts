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

/** A cursor over a sink's buffers. */
export class SinkWriter {
  buffer: Buffer
  /** The next free byte of `buffer`; always less than its length. */
  at = 0
  /** Bytes written so far. */
  total = 0

  constructor(private readonly sink: Sink) {
    this.buffer = sink.lend()
  }

  /** Counts `bytes` as written behind the cursor; a full buffer is handed over. */
  advance(bytes: number): void {
    this.at += bytes
    this.total += bytes
    if (this.at === this.buffer.length) this.flush()
  }

  write(bytes: Uint8Array): void {
    for (let done = 0; done < bytes.length; ) {
      const part = bytes.subarray(done, done + this.buffer.length - this.at)
      this.buffer.set(part, this.at)
      this.advance(part.length)
      done += part.length
    }
  }

  zeros(count: number): void {
    while (count > 0) {
      const part = Math.min(count, this.buffer.length - this.at)
      this.buffer.fill(0, this.at, this.at + part)
      this.advance(part)
      count -= part
    }
  }

  /** Hands over what is left. */
  end(): void {
    if (this.at > 0) this.sink.accept(this.at)
  }

  private flush(): void {
    this.sink.accept(this.at)
    this.buffer = this.sink.lend()
    this.at = 0
  }
}
