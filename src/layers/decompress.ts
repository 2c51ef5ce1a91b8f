/** Archive files as streams of plain bytes, whatever they are compressed with. */
import { closeSync, readSync } from 'node:fs'
import { ImageError } from '../errors.js'
import { openRegular } from '../files/open-regular.js'
import type { Compression } from '../model/compression.js'
import { fsPath } from '../python/fs-encoding.js'
import { DamagedError, ExcessError } from './decoders/errors.js'

const MAGIC: [Compression, number[]][] = [
  ['gzip', [0x1f, 0x8b]],
  ['bzip2', [0x42, 0x5a, 0x68]],
  ['xz', [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]],
  ['zstd', [0x28, 0xb5, 0x2f, 0xfd]],
]

/** Tells a file's compression by its first bytes. */
export function detectCompression(fd: number): Compression {
  const found = compressionAt(fd, 0)
  if (found !== 'none') return found
  // zstd's data may begin with a frame that is skipped (RFC 8878, 3.1.2), as pzstd writes one.
  const head = readAt(fd, 0)
  const isSkippable = head[0]! >> 4 === 5 && SKIPPABLE.every((byte, i) => head[i + 1] === byte)
  return isSkippable && compressionAt(fd, 8 + head.readUInt32LE(4)) === 'zstd' ? 'zstd' : 'none'
}

/** Behind a first byte from 0x50 to 0x5f. */
const SKIPPABLE = [0x2a, 0x4d, 0x18]

/** What a file is compressed with; nothing where none can be read. */
export function compressionOf(path: string): Compression {
  try {
    const { fd } = openRegular(fsPath(path))
    try {
      return detectCompression(fd)
    } finally {
      closeSync(fd)
    }
  } catch {
    return 'none'
  }
}

function compressionAt(fd: number, position: number): Compression {
  const head = readAt(fd, position)
  return MAGIC.find(([, magic]) => magic.every((byte, i) => head[i] === byte))?.[0] ?? 'none'
}

function readAt(fd: number, position: number): Buffer {
  const head = Buffer.alloc(8)
  readSync(fd, head, 0, head.length, position)
  return head
}

/**
 * The plain bytes of a compressed file, in pieces; each is valid until the next is asked for. What a format
 * has checksums for is compared with them before the last piece at the latest. The decoders are loaded only
 * when they are needed.
 * @param fd an open regular file, which stays the caller's
 * @throws ImageError IMAGE_INVALID for what is damaged, cut short or asks for too much memory; FILE_UNREADABLE
 *   when there is no memory for the decoder. Messages do not name the file. The cause tells a {@link TrailingError}
 */
export async function* decompress(
  fd: number,
  compression: Exclude<Compression, 'none'>,
): AsyncGenerator<Uint8Array> {
  try {
    yield* await DECODERS[compression](fd)
  } catch (error) {
    throw asDecodingError(error, compression)
  }
}

type Decoder = (fd: number) => Promise<AsyncIterable<Uint8Array> | Iterable<Uint8Array>>

const DECODERS: Record<Exclude<Compression, 'none'>, Decoder> = {
  gzip: async (fd) => (await import('./decoders/gzip.js')).gunzip(fd),
  bzip2: async (fd) => (await import('./decoders/bzip2.js')).bunzip2(fd),
  xz: async (fd) => (await import('./decoders/xz.js')).unxz(fd),
  zstd: async (fd) => (await import('./decoders/zstd.js')).unzstd(fd),
}

/** What WebAssembly throws where it gets no memory, at its start or later. */
const WASM_ERRORS = ['RangeError', 'RuntimeError', 'CompileError']

function asDecodingError(error: unknown, compression: Compression): unknown {
  if (error instanceof DamagedError) {
    return new ImageError('IMAGE_INVALID', `its ${compression} data is damaged: ${error.message}`, {
      cause: error,
    })
  }
  if (error instanceof ExcessError) {
    const { message, hint } = error
    return new ImageError('IMAGE_INVALID', `its ${compression} data: ${message}`, { hint, cause: error })
  }
  if (error instanceof Error && WASM_ERRORS.includes(error.name)) {
    return new ImageError('FILE_UNREADABLE', `no memory for the ${compression} decoder: ${error.message}`, {
      hint: 'raise the limit of address space (ulimit -v), or decompress the file first',
      cause: error,
    })
  }
  return error
}
