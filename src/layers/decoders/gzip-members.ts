/** Where gzip members end (RFC 1952, 2.3), for what zlib does not tell. */
import { createInflateRaw } from 'node:zlib'
import { inflate, PIECE } from './inflate.js'
import { FileReader } from './reader.js'

/** CRC-32 and length. */
const TRAILER = 8
/** More than are written by anything that cuts data into members of 64 KiB, as bgzip does, in 6 GB. */
const MAX_MEMBERS = 100_000

/** Whether a member starts there. */
export function isMember(fd: number, position: number): boolean {
  const magic = new FileReader(fd, 2, position).take(2)
  return magic[0] === 0x1f && magic[1] === 0x8b
}

/** Where the last of the members ends that follow each other from the file's start; they are not compared with their checksums. */
export async function endOfMembers(fd: number): Promise<number> {
  let end = 0
  for (let count = 0; count < MAX_MEMBERS && isMember(fd, end); count++) {
    const next = await endOfMember(fd, end)
    if (next === undefined) break
    end = next
  }
  return end
}

/** @returns undefined for one that is damaged or cut short */
async function endOfMember(fd: number, start: number): Promise<number | undefined> {
  const data = start + headerLength(fd, start)
  const unpack = createInflateRaw({ chunkSize: PIECE })
  try {
    for await (const _ of inflate(unpack, fd, data, Number.POSITIVE_INFINITY));
  } catch {
    return undefined
  }
  const end = data + unpack.bytesWritten
  return new FileReader(fd, TRAILER, end).take(TRAILER).length === TRAILER ? end + TRAILER : undefined
}

function headerLength(fd: number, start: number): number {
  const file = new FileReader(fd, PIECE, start)
  const flags = file.take(10)[3] ?? 0
  let length = 10
  if ((flags & 4) !== 0) {
    const extra = file.take(2)
    const size = extra.length === 2 ? extra.readUInt16LE() : 0
    file.skip(size)
    length += 2 + size
  }
  // The file's name, and a comment.
  for (const flag of [8, 16]) {
    if ((flags & flag) === 0) continue
    for (let byte = file.take(1)[0]; byte !== undefined && byte !== 0; byte = file.take(1)[0]) length++
    length++
  }
  return length + ((flags & 2) === 0 ? 0 : 2)
}
