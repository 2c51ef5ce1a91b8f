/**
 * bzip2 data, block by block, each checked against its CRC: a block of a hundred bytes may come out as
 * 46 MB, and the library's own stream decodes all that it was given before it passes anything on.
 */
import { fstatSync, readSync } from 'node:fs'
import bitIterator from 'unbzip2-stream/lib/bit_iterator.js'
import bzip2 from 'unbzip2-stream/lib/bzip2.js'
import { giveBack } from '../give-back.js'
import { DamagedError } from './errors.js'
import { Pieces } from './pieces.js'

const INPUT = 64 * 1024

/** @throws DamagedError */
export function* bunzip2(fd: number): Generator<Uint8Array> {
  const { size } = fstatSync(fd)
  let position = 0
  const input = Buffer.allocUnsafe(INPUT)
  const bits = bitIterator(() => {
    const count = readSync(fd, input, 0, input.length, position)
    if (count === 0) throw new DamagedError('a block is cut short')
    position += count
    return input.subarray(0, count)
  })
  const pieces = new Pieces()
  let work = new Int32Array(0)
  for (let first = true; bits.bytesRead < size; first = false) {
    const blockSize = header(bits, first)
    if (blockSize === undefined) break
    if (work.length < blockSize) work = new Int32Array(blockSize)
    for (let checksum: number | null = 0; ; ) {
      const block = new Collector()
      checksum = attempt(() => bzip2.decompress(bits, block.add, work, blockSize, checksum!))
      if (checksum === null) break
      for (const part of block.parts()) {
        yield* pieces.add(part)
        giveBack(part.buffer)
      }
    }
  }
  yield* pieces.flush()
}

/** @returns undefined where, behind a whole stream, there is no other */
function header(bits: Parameters<typeof bzip2.header>[0], first: boolean): number | undefined {
  try {
    return bzip2.header(bits) * 100_000
  } catch (error) {
    if (first) throw asDamage(error)
    return undefined
  }
}

/** Bytes that come one by one. */
class Collector {
  private readonly full: Uint8Array<ArrayBuffer>[] = []
  private part = new Uint8Array(INPUT)
  private at = 0

  readonly add = (byte: number): void => {
    this.part[this.at++] = byte
    if (this.at < this.part.length) return
    this.full.push(this.part)
    this.part = new Uint8Array(INPUT)
    this.at = 0
  };

  *parts(): Generator<Uint8Array<ArrayBuffer>> {
    for (let next = this.full.shift(); next !== undefined; next = this.full.shift()) yield next
    yield this.part.subarray(0, this.at)
  }
}

function attempt<T>(run: () => T): T {
  try {
    return run()
  } catch (error) {
    throw asDamage(error)
  }
}

function asDamage(error: unknown): DamagedError {
  if (error instanceof DamagedError) return error
  return new DamagedError('a block or its checksum is not what was written')
}
