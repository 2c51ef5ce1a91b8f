/**
 * Compressors for blobs, as sinks in front of sinks. The bytes depend on nothing but input, kind, level and encoder: each
 * megabyte is compressed by itself, and decoders read the gzip members or zstd frames as one stream. So other threads
 * may help: while there are any, pieces are filled ahead for them, and who fills them compresses what is left over.
 */
import { ImageError } from '../errors.js'
import type { BlobCompression } from '../model/compression.js'
import { type Encode, encoder } from './encoders.js'
import {
  announce,
  createPieces,
  DONE,
  FILLED,
  FREE,
  HELPERS,
  KIND,
  KINDS,
  LEFT,
  LEVEL,
  LOST,
  MAKING,
  PIECE,
  type PieceMemory,
  Pieces,
} from './pieces.js'
import { type Sink, SinkWriter } from './sink.js'

/** A sink whose last bytes reach the inner one with `finish`. */
export interface Compressor extends Sink {
  finish(): void
  /** To be called in any case: takes the memory back from helpers. */
  close(): void
}

/** Where other threads may help, and with how many bytes. */
export interface Shared {
  pieces: PieceMemory
  /** About the size of what is to be compressed, in bytes. */
  size: number
}

/** @param inner takes the compressed bytes @param shared undefined: this thread compresses alone */
export async function compressor(
  { kind, level }: BlobCompression,
  inner: Sink,
  shared?: Shared,
): Promise<Compressor> {
  if (kind === 'none') return new Passage(inner)
  const encode = await encoder(kind)
  own ??= createPieces(1)
  const { pieces, size } = shared ?? { pieces: own, size: 0 }
  const { control } = pieces
  control[KIND] = KINDS.indexOf(kind)
  control[LEVEL] = level
  announce(pieces, size)
  return new PieceCompressor(new Pieces(pieces), encode, inner)
}

/** One for the thread: it makes one blob at a time. */
let own: PieceMemory | undefined

/** Pieces on their way for each thread: the next one is there when a helper comes back, however long the others take. */
const AHEAD = 2

class PieceCompressor implements Compressor {
  private readonly out: SinkWriter
  /** Slots on their way, in the archive's order. */
  private readonly filled: number[] = []
  /** What was used last is used next, so that no more memory is touched than is needed. */
  private readonly free: number[]
  private filling: number

  constructor(
    private readonly pieces: Pieces,
    private readonly encode: Encode,
    inner: Sink,
  ) {
    this.out = new SinkWriter(inner)
    this.free = pieces.slots.map((_, i) => i).reverse()
    this.filling = this.free.pop()!
  }

  lend(): Buffer {
    return this.pieces.slots[this.filling]!.subarray(0, PIECE)
  }

  accept(used: number): void {
    const { pieces, filled, free } = this
    pieces.setLength(this.filling, used)
    pieces.setState(this.filling, FILLED)
    filled.push(this.filling)
    Atomics.sub(pieces.control, LEFT, 1)
    pieces.tell()
    const helpers = Atomics.load(pieces.control, HELPERS)
    const most = helpers === 0 ? 0 : Math.min(AHEAD * (1 + helpers), pieces.slots.length - 1)
    while (filled.length > most || (filled.length > 0 && pieces.state(filled[0]!) === DONE)) this.writeFirst()
    this.filling = free.pop()!
  }

  finish(): void {
    while (this.filled.length > 0) this.writeFirst()
    this.out.end()
  }

  close(): void {
    const { pieces, filled } = this
    Atomics.store(pieces.control, LEFT, 0)
    Atomics.store(pieces.control, MAKING, 0)
    pieces.tell()
    for (const slot of filled) {
      if (!pieces.claim(slot)) pieces.awaitHelper(slot)
      pieces.setState(slot, FREE)
    }
  }

  /** @throws ImageError WORKER_FAILED */
  private writeFirst(): void {
    const slot = this.filled[0]!
    this.complete(slot)
    this.out.write(this.pieces.content(slot))
    this.pieces.setState(slot, FREE)
    this.free.push(this.filled.shift()!)
  }

  /** While a helper has the piece, this thread takes another one. */
  private complete(slot: number): void {
    const { pieces, filled, encode } = this
    while (pieces.state(slot) !== DONE) {
      const claimed = filled.find((other) => pieces.claim(other))
      if (claimed !== undefined) pieces.compress(claimed, encode)
      else pieces.awaitHelper(slot)
      if (pieces.state(slot) === LOST || pieces.isBroken)
        throw new ImageError('WORKER_FAILED', 'a thread died that helped to compress it')
    }
  }
}

class Passage implements Compressor {
  constructor(private readonly inner: Sink) {}

  lend(): Buffer {
    return this.inner.lend()
  }

  accept(used: number): void {
    this.inner.accept(used)
  }

  finish(): void {}

  close(): void {}
}
