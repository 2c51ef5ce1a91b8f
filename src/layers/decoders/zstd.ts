/**
 * zstd data, decoded by zstd itself as WebAssembly. It checks what a frame holds against the frame's
 * checksum, where there is one; the library around it passes that on by making no progress.
 */
import { ZSTDDecoder } from 'zstddec/stream'
import { giveBack } from '../give-back.js'
import { DamagedError } from './errors.js'
import { Pieces } from './pieces.js'
import { zstdFrames } from './zstd-frames.js'

/** A block comes out in one go, or in two when the one before it is not out yet. */
const MAX_TURNS = 4

/** @throws DamagedError, ExcessError; what WebAssembly throws when there is no memory for it */
export async function* unzstd(fd: number): AsyncGenerator<Uint8Array> {
  const decoder = new ZSTDDecoder()
  await start(decoder)
  let stopped = false
  let turns = 0
  function* input(): Generator<Uint8Array> {
    for (const part of zstdFrames(fd)) {
      if (stopped) return
      turns = 0
      yield part
    }
  }
  const output = decoder.decodeStreaming(input())
  const pieces = new Pieces()
  let isDamaged = false
  try {
    for (let next = output.next(); !next.done; next = output.next()) {
      isDamaged = ++turns > MAX_TURNS
      if (isDamaged) throw new DamagedError('a block or a checksum is not what was written')
      yield* pieces.add(next.value)
      giveBack(next.value.buffer as ArrayBuffer)
    }
    yield* pieces.flush()
  } finally {
    stopped = true
    if (!isDamaged) release(output)
  }
}

/**
 * The library's WebAssembly is a text in it, which it decodes by itself where there is no `fetch`: that one
 * takes longer to load, and fails where nobody can catch it when it gets no memory.
 */
function start(decoder: ZSTDDecoder): Promise<void> {
  const { fetch } = globalThis
  try {
    Reflect.set(globalThis, 'fetch', undefined)
    return decoder.init()
  } finally {
    globalThis.fetch = fetch
  }
}

/** The library lets go of the decoder's memory only at the end of its input. */
function release(output: Generator<Uint8Array>): void {
  try {
    for (let turn = 0; turn <= MAX_TURNS && !output.next().done; turn++);
  } catch {
    // It says that the input was incomplete.
  }
}
