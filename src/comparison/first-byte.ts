/** Where bytes of two layers begin to differ. */
import { type Rewrite, Rewrites } from '../layers/rewriter.js'
import { SLICE_BYTES, type Slices } from '../pool/workshop.js'
import type { Side } from './side.js'

/** Bytes of a layer's archive. */
export interface Bytes {
  side: Side
  layer: number
  /** Of the archive. */
  archive: number
  offset: number
  size: number
}

export class FirstByte {
  private readonly open = new Map<Side, Map<number, Slices>>()

  /** @returns where they differ, from their start on; undefined when they do not @param rewrites of the second ones */
  async find(from: Bytes, to: Bytes, rewrites?: readonly Rewrite[]): Promise<number | undefined> {
    const [a, b] = [this.pieces(from), rewritten(this.pieces(to), rewrites)]
    let left: Buffer = Buffer.alloc(0)
    let right: Buffer = Buffer.alloc(0)
    for (let done = 0; ; ) {
      if (left.length === 0) left = await nextOf(a)
      if (right.length === 0) right = await nextOf(b)
      const count = Math.min(left.length, right.length)
      if (count === 0) return left.length === right.length ? undefined : done
      if (left.compare(right, 0, count, 0, count) !== 0) {
        let at = 0
        while (left[at] === right[at]) at++
        return done + at
      }
      done += count
      left = left.subarray(count)
      right = right.subarray(count)
    }
  }

  private async *pieces({ side, layer, archive, offset, size }: Bytes): AsyncGenerator<Buffer, undefined> {
    const streams = this.open.get(side) ?? new Map<number, Slices>()
    this.open.set(side, streams)
    const slices = streams.get(layer) ?? (await side.slices(layer, archive))
    streams.set(layer, slices)
    for (let at = offset; at < offset + size; ) {
      const count = Math.min(SLICE_BYTES, offset + size - at)
      const bytes = await slices.at(at, count)
      at += count
      // Its place is used again.
      yield Buffer.from(bytes)
    }
    return undefined
  }
}

/** The next piece that has something; an empty one at the end. */
async function nextOf(pieces: AsyncGenerator<Buffer, undefined>): Promise<Buffer> {
  for (;;) {
    const { value } = await pieces.next()
    if (value === undefined || value.length > 0) return value ?? Buffer.alloc(0)
  }
}

async function* rewritten(
  pieces: AsyncGenerator<Buffer, undefined>,
  rewrites: readonly Rewrite[] = [],
): AsyncGenerator<Buffer, undefined> {
  if (rewrites.length === 0) return yield* pieces
  let out: Buffer[] = []
  const stream = new Rewrites(rewrites).stream(new Set(), (bytes) => void out.push(Buffer.from(bytes)))
  for await (const piece of pieces) {
    stream.accept(piece)
    yield* out
    out = []
  }
  stream.finish()
  yield* out
  return undefined
}
