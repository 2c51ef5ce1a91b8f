/** A file's bytes through a decoder of zlib, in memory that stays the same however many they are. */
import type { Gunzip, InflateRaw } from 'node:zlib'
import { giveBack } from '../give-back.js'
import { FileReader } from './reader.js'

/** Measured over 400 MB: 16 KiB, Node's default, takes 1.4 times as long. */
export const PIECE = 128 * 1024

/**
 * What the decoder makes of the bytes from `start` to `end`, in pieces; each is valid until the next is asked for.
 * @param decoder with a `chunkSize` of {@link PIECE}
 * @throws what zlib does
 */
export async function* inflate(
  decoder: Gunzip | InflateRaw,
  fd: number,
  start: number,
  end: number,
): AsyncGenerator<Uint8Array> {
  feed(decoder, new FileReader(fd, PIECE, start), end - start)
  for await (const piece of decoder as AsyncIterable<Buffer<ArrayBuffer>>) {
    yield piece
    // zlib goes on in the rest of a chunk that is not full.
    if (piece.buffer.byteLength === PIECE && piece.byteOffset + piece.length === PIECE) giveBack(piece.buffer)
  }
}

/** All in one buffer: its next bytes are read when the decoder has used up those before. */
function feed(decoder: Gunzip | InflateRaw, file: FileReader, left: number): void {
  // Whoever stopped the decoder may have closed the file.
  if (decoder.destroyed) return
  try {
    const bytes = file.take(Math.min(left, PIECE))
    if (bytes.length === 0) decoder.end()
    else decoder.write(bytes, () => feed(decoder, file, left - bytes.length))
  } catch (error) {
    decoder.destroy(error as Error)
  }
}
