/** An open file's bytes in order, a few at a time and without a copy, for a thread that may block. */
import { readSync } from 'node:fs'

export class FileReader {
  private readonly buffer: Buffer
  private start = 0
  private end = 0

  /**
   * @param capacity bytes, at least as many as are ever asked for at once
   * @param position where in the file it starts; then, where the buffer's bytes end
   */
  constructor(
    private readonly fd: number,
    capacity: number,
    private position = 0,
  ) {
    this.buffer = Buffer.allocUnsafe(capacity)
  }

  /** The next bytes, fewer than `count` only at the end of the file; valid until the next call. */
  peek(count: number): Buffer {
    while (this.end - this.start < count) {
      this.buffer.copyWithin(0, this.start, this.end)
      this.end -= this.start
      this.start = 0
      const room = this.buffer.length - this.end
      const read = readSync(this.fd, this.buffer, this.end, room, this.position)
      if (read === 0) break
      this.end += read
      this.position += read
    }
    return this.buffer.subarray(this.start, Math.min(this.end, this.start + count))
  }

  /** Takes bytes that were peeked at. */
  take(count: number): Buffer {
    const bytes = this.peek(count)
    this.start += bytes.length
    return bytes
  }

  /** Leaves out bytes. @returns whether there were that many */
  skip(count: number): boolean {
    for (let left = count; left > 0; ) {
      const { length } = this.take(Math.min(left, this.buffer.length))
      if (length === 0) return false
      left -= length
    }
    return true
  }
}
