/** Bytes in order. */
export interface ByteOutput {
  /** Takes all of `bytes` before it is done; they may change afterwards. @throws ImageError OUTPUT_CLOSED, OUTPUT_FAILED */
  write(bytes: Uint8Array): void | Promise<void>
  /** Rejects with OUTPUT_CLOSED when the reader is found to have left while nothing was being written. */
  readonly lost: Promise<never>
  /** Everything was written. */
  end(): void | Promise<void>
  /** Gives up: a pending write fails. */
  abort(error: Error): void
}
