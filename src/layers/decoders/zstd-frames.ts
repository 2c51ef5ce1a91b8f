/**
 * A zstd file's frames, cut into their header, their blocks and their checksum (RFC 8878, 3.1). A block is
 * all that a decoder is given at once, so what comes out at once is bounded, and how much memory a frame
 * asks for is known before it is decoded.
 */
import { DamagedError, ExcessError } from './errors.js'
import { FileReader } from './reader.js'

/** Twice as much as zstd asks for up to level 21; two threads that read a base at once stay below 350 MB with it: 64 MiB. */
const MAX_WINDOW = 2 ** 26

const MAGIC = 0xfd2fb528
const SKIPPABLE = 0x184d2a50
/** A block holds less: 2^21 - 1 bytes at most can be said in its header, 128 KiB are allowed. */
const MAX_BLOCK = 128 * 1024

/** @throws DamagedError, ExcessError for a window over 64 MiB */
export function* zstdFrames(fd: number): Generator<Uint8Array> {
  const file = new FileReader(fd, 2 * MAX_BLOCK)
  for (let first = true; ; first = false) {
    const magic = file.peek(4)
    if (magic.length < 4) {
      if (first || isCutShort(magic)) throw new DamagedError('a frame is cut short')
      return
    }
    const found = magic.readUInt32LE()
    if ((found & ~0xf) >>> 0 === SKIPPABLE) skipFrame(file)
    else if (found === MAGIC) yield* frame(file)
    // What follows a whole stream and is none itself does not belong to it, as CPython has it for bzip2.
    else if (first) throw new DamagedError('no frame starts there')
    else return
  }
}

/** Whether the few bytes are the beginning of a frame. */
function isCutShort(bytes: Buffer): boolean {
  if (bytes.length === 0) return false
  const whole = Buffer.alloc(4)
  return [MAGIC, SKIPPABLE].some((magic) => {
    whole.writeUInt32LE(magic)
    if (magic === SKIPPABLE) whole[0] = 0x50 | (bytes[0]! & 0xf)
    return bytes.equals(whole.subarray(0, bytes.length))
  })
}

function skipFrame(file: FileReader): void {
  const header = file.take(8)
  if (header.length < 8 || !file.skip(header.readUInt32LE(4)))
    throw new DamagedError('a skippable frame is cut short')
}

function* frame(file: FileReader): Generator<Uint8Array> {
  const { length, window, hasChecksum } = frameHeader(file.peek(18))
  if (window > MAX_WINDOW) {
    throw new ExcessError(
      `expected a window of at most ${MAX_WINDOW >> 20} MiB, found ${Math.ceil(window / 2 ** 20)} MiB`,
      'compress it with a window of at most 64 MiB: zstd --long=26 or less',
    )
  }
  yield whole(file, length)
  for (let last = false; !last; ) {
    const block = file.peek(3)
    if (block.length < 3) throw new DamagedError('a frame is cut short')
    const header = block.readUIntLE(0, 3)
    last = (header & 1) === 1
    const type = (header >> 1) & 3
    const size = header >> 3
    if (type === 3 || size > MAX_BLOCK) throw new DamagedError('a block has no valid header')
    const isRun = type === 1
    yield whole(file, 3 + (isRun ? 1 : size))
  }
  if (hasChecksum) yield whole(file, 4)
}

/** Frame_Header, with its magic number. */
function frameHeader(bytes: Buffer): { length: number; window: number; hasChecksum: boolean } {
  const descriptor = bytes[4] ?? 0
  const isSingle = (descriptor & 0x20) !== 0
  const dictionary = [0, 1, 2, 4][descriptor & 3]!
  const contentSize = [isSingle ? 1 : 0, 2, 4, 8][descriptor >> 6]!
  const sizeAt = 5 + (isSingle ? 0 : 1) + dictionary
  const length = sizeAt + contentSize
  if (bytes.length < length) throw new DamagedError('a frame is cut short')
  const hasChecksum = (descriptor & 4) !== 0
  if (!isSingle) {
    const exponent = 10 + (bytes[5]! >> 3)
    const base = 2 ** exponent
    return { length, window: base + (base / 8) * (bytes[5]! & 7), hasChecksum }
  }
  const low = bytes.readUIntLE(sizeAt, Math.min(contentSize, 4))
  const high = contentSize === 8 ? bytes.readUInt32LE(sizeAt + 4) : 0
  return { length, window: high * 2 ** 32 + low + (contentSize === 2 ? 256 : 0), hasChecksum }
}

function whole(file: FileReader, count: number): Buffer {
  const bytes = file.take(count)
  if (bytes.length < count) throw new DamagedError('a frame is cut short')
  return bytes
}
