/** An archive's bytes on their way through the parser that finds its members. */
import { readSync } from 'node:fs'
import { BLOCK } from '../tar/header.js'

/** Bytes on their way to the parser; keeps those that may be header blocks. */
export class Tape {
  /** Where the bytes that went by end. */
  position = 0
  /** Up to here the archive's bytes are not wanted. */
  skipTo = 0
  /** Where the next member's header blocks start. */
  private start = 0
  private kept: { offset: number; bytes: Uint8Array }[] = []

  /** @param piece valid until the next is asked for @returns what the parser may keep: zeros for what is to be skipped */
  add(piece: Uint8Array): Buffer {
    const end = this.position + piece.length
    const isSkipped = end <= this.skipTo && piece.length <= ZEROS.length
    const bytes = isSkipped ? ZEROS.subarray(0, piece.length) : Buffer.from(piece)
    if (end > this.start) this.kept.push({ offset: this.position, bytes })
    this.position = end
    return bytes
  }

  /** The bytes from the next header's start to `end`. */
  upTo(end: number): Buffer {
    const parts = this.kept.map(({ offset, bytes }) =>
      bytes.subarray(Math.max(0, this.start - offset), Math.max(0, end - offset)),
    )
    return Buffer.concat(parts)
  }

  /** How many bytes were kept for the next header. */
  get pending(): number {
    return Math.max(0, this.position - this.start)
  }

  /** Whether the block where the next header should start is all zeros. */
  atZeroBlock(): boolean {
    if (this.position < this.start + BLOCK) return false
    return this.upTo(this.start + BLOCK).every((byte) => byte === 0)
  }

  startAt(offset: number): void {
    this.start = offset
    this.kept = this.kept.filter((chunk) => chunk.offset + chunk.bytes.length > offset)
  }

  skipBody(): void {
    this.skipTo = this.start
  }
}

const ZEROS = Buffer.alloc(16 << 20)
const READ_BYTES = 16 * 1024

/** A plain archive's bytes, with zeros for what the tape says to skip. */
export async function* readSkipping(fd: number, tape: Tape): AsyncGenerator<Uint8Array> {
  for (;;) {
    if (tape.skipTo > tape.position) {
      yield ZEROS.subarray(0, Math.min(ZEROS.length, tape.skipTo - tape.position))
      continue
    }
    const buffer = Buffer.allocUnsafe(READ_BYTES)
    const count = readSync(fd, buffer, 0, buffer.length, tape.position)
    if (count === 0) return
    yield buffer.subarray(0, count)
  }
}
