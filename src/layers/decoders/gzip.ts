import { pipeline, Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { systemCode } from '../../errors.js'
import { DamagedError } from './errors.js'
import { FileReader } from './reader.js'

/** Measured over 400 MB: 16 KiB, Node's default, takes 1.4 times as long. */
const PIECE = 128 * 1024

/**
 * gzip members, each checked against its CRC-32 and length. Zeros may follow the last one.
 * @throws DamagedError
 */
export async function* gunzip(fd: number): AsyncGenerator<Uint8Array> {
  const unpack = createGunzip({ chunkSize: PIECE })
  try {
    yield* pipeline(Readable.from(pieces(fd), { objectMode: false }), unpack, () => {})
  } catch (error) {
    if (systemCode(error)?.startsWith('Z_') !== true) throw error
    throw new DamagedError((error as Error).message)
  }
}

function* pieces(fd: number): Generator<Uint8Array> {
  const file = new FileReader(fd, PIECE)
  for (let bytes = file.take(PIECE); bytes.length > 0; bytes = file.take(PIECE)) yield Buffer.from(bytes)
}
