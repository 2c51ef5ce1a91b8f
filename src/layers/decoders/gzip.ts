/** gzip data (RFC 1952). */
import { fstatSync } from 'node:fs'
import { createGunzip } from 'node:zlib'
import { systemCode } from '../../errors.js'
import { DamagedError, TrailingError } from './errors.js'
import { endOfMembers, isMember } from './gzip-members.js'
import { inflate, PIECE } from './inflate.js'
import { FileReader } from './reader.js'

/**
 * gzip members, each checked against its CRC-32 and length. Zeros may follow each of them.
 * @throws DamagedError; TrailingError when all of them were given and something else follows
 */
export async function* gunzip(fd: number): AsyncGenerator<Uint8Array> {
  let given = 0
  try {
    for await (const piece of members(fd, fstatSync(fd).size)) {
      given += piece.length
      yield piece
    }
  } catch (error) {
    if (!(error instanceof DamagedError) || error instanceof TrailingError) throw error
    // zlib lets go of what it had when it comes to what is no member: that is read again, up to there.
    const end = await endOfMembers(fd)
    if (end === 0 || isMember(fd, end)) throw error
    for await (const piece of members(fd, end)) {
      const known = Math.min(given, piece.length)
      given -= known
      if (known < piece.length) yield piece.subarray(known)
    }
    throw new TrailingError()
  }
}

/** @param end of what is read, in bytes of the file */
async function* members(fd: number, end: number): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < end; ) {
    const unpack = createGunzip({ chunkSize: PIECE })
    try {
      yield* inflate(unpack, fd, start, end)
    } catch (error) {
      if (systemCode(error)?.startsWith('Z_') !== true) throw error
      throw new DamagedError((error as Error).message)
    }
    // It stops at zeros.
    start = endOfZeros(fd, start + unpack.bytesWritten)
    if (start < end && !isMember(fd, start)) throw new TrailingError()
  }
}

function endOfZeros(fd: number, start: number): number {
  const file = new FileReader(fd, PIECE, start)
  for (let at = start; ; ) {
    const bytes = file.take(PIECE)
    const other = bytes.findIndex((byte) => byte !== 0)
    if (other >= 0 || bytes.length === 0) return at + Math.max(0, other)
    at += bytes.length
  }
}
