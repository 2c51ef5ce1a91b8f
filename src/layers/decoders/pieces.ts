/** Small pieces put together, since each costs whoever takes it the same as a large one. */
const PIECE = 128 * 1024

export class Pieces {
  private readonly piece = Buffer.allocUnsafe(PIECE)
  private length = 0;
  /** Takes bytes, which stay the caller's. @returns pieces that are full; each is valid until the next is asked for */
  *add(bytes: Uint8Array): Generator<Uint8Array> {
    for (let done = 0; done < bytes.length; ) {
      const part = bytes.subarray(done, done + PIECE - this.length)
      this.piece.set(part, this.length)
      this.length += part.length
      done += part.length
      if (this.length === PIECE) yield* this.flush()
    }
  }

  /** What is left. */
  *flush(): Generator<Uint8Array> {
    if (this.length === 0) return
    const full = this.piece.subarray(0, this.length)
    this.length = 0
    yield full
  }
}
