/** Where an xz file's last stream ends (The .xz File Format 1.2, "Stream Footer"). */
import { fstatSync, readSync } from 'node:fs'
import { crc32 } from 'node:zlib'

const FOOTER = 12
const MAGIC = Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00])
/** What may lie behind the last stream: as much as behind a tar archive's end. */
const MAX_TRAILER = 16 << 20
const PIECE = 64 * 1024

/**
 * The end of what belongs to the file's streams. Padding, and what is no stream, does not: CPython leaves it out.
 * @returns the file's size where no stream's footer is found, or another stream follows, which is cut short
 */
export function endOfStreams(fd: number): number {
  const { size } = fstatSync(fd)
  const lowest = Math.max(0, size - MAX_TRAILER)
  // Streams have whole groups of four bytes. Pieces overlap by all of a footer but one group.
  for (let end = size - (size % 4); end - FOOTER >= lowest; end -= PIECE) {
    const start = Math.max(0, end - PIECE - FOOTER + 4)
    const piece = readAt(fd, start, end - start)
    for (let at = piece.length; at >= FOOTER; at -= 4)
      if (isFooter(piece.subarray(at - FOOTER, at))) return isCutShort(fd, start + at) ? size : start + at
  }
  return size
}

function isFooter(bytes: Buffer): boolean {
  return bytes.toString('latin1', 10) === 'YZ' && bytes.readUInt32LE() === crc32(bytes.subarray(4, 10))
}

/** Whether the beginning of another stream is there. */
function isCutShort(fd: number, position: number): boolean {
  const head = readAt(fd, position, MAGIC.length)
  return head.length > 0 && head.equals(MAGIC.subarray(0, head.length))
}

function readAt(fd: number, position: number, length: number): Buffer {
  const bytes = Buffer.alloc(length)
  return bytes.subarray(0, readSync(fd, bytes, 0, length, position))
}
