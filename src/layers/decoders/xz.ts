/** xz data, each block checked against its CRC, where it has one. What is no stream behind the last one is left out. */
import xz from 'xz-decompress'
import { giveBack } from '../give-back.js'
import { DamagedError, ExcessError } from './errors.js'
import { FileReader } from './reader.js'
import { endOfStreams } from './xz-end.js'

/** The library's own buffer. */
const PIECE = 64 * 1024

/** What `xz -9` asks for; the library takes no more. */
const MAX_DICTIONARY = '64 MiB'

/** @throws DamagedError, ExcessError; what WebAssembly throws when there is no memory for it */
export async function* unxz(fd: number): AsyncGenerator<Uint8Array> {
  const reader = new xz.XzReadableStream(webStream(fd)).getReader()
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      yield value
      giveBack(value.buffer as ArrayBuffer)
    }
  } catch (error) {
    const code = /^get_next_output failed with error code (\d)$/.exec(String((error as Error).message))?.[1]
    if (code === undefined) throw error
    throw asDamage(code)
  } finally {
    // The decoder serves one stream at a time, and waits for the one before it.
    await reader.cancel().catch(() => {})
  }
}

function webStream(fd: number): ReadableStream<Uint8Array> {
  const file = new FileReader(fd, PIECE)
  let left = endOfStreams(fd)
  return new ReadableStream(
    {
      pull(controller) {
        const bytes = file.take(Math.min(left, PIECE))
        left -= bytes.length
        // The library asks for more when it has used up what it had.
        if (bytes.length > 0) controller.enqueue(bytes)
        else controller.close()
      },
    },
    { highWaterMark: 0 },
  )
}

/** The library's `enum xz_ret`. */
const Code = { memoryLimit: '4', format: '5', options: '6', end: '8' } as const

function asDamage(code: string): Error {
  if (code === Code.memoryLimit) {
    return new ExcessError(
      `expected a dictionary of at most ${MAX_DICTIONARY}, found a larger one`,
      'compress it with xz -9 or less',
    )
  }
  if (code === Code.options) {
    return new ExcessError(
      'expected an LZMA2 filter alone and a check that is none, CRC32 or CRC64, found others',
      'compress it with xz and none of its filter or check options',
    )
  }
  if (code === Code.format) return new DamagedError('no stream starts where one should')
  if (code === Code.end) return new DamagedError('a block is cut short')
  return new DamagedError('a block or its checksum is not what was written')
}
