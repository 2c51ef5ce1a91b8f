/**
 * Finds the members of a base image's archive. tar-stream reads the structure; bodies of an uncompressed
 * archive are not read for it: a shared block of zeros takes their place in the stream.
 */
import { closeSync, openSync, readSync, statSync } from 'node:fs'
import { extract } from 'tar-stream'
import { ImageError, systemReason } from '../errors.js'
import { decodeMember, type PaxRecords } from '../tar/decode.js'
import { BLOCK, type Member, paddingOf } from '../tar/header.js'
import { type Compression, decompress, detectCompression } from './decompress.js'
import { type Fingerprint, fingerprintOf } from './fingerprint.js'

export interface IndexedMember extends Member {
  /** Where the data starts in the uncompressed archive, in bytes. */
  dataOffset: number
}

export interface ArchiveIndex {
  path: string
  compression: Compression
  fingerprint: Fingerprint
  /** By name; of several members with one name, the last. */
  members: Map<string, IndexedMember>
  /** Bodies that may be JSON documents, by their data offset. */
  documents: Map<number, Buffer>
}

const MAX_MEMBERS = 100_000
const MAX_DOCUMENT = 4 << 20
const MAX_DOCUMENTS = 32 << 20

/** @throws ImageError BASE_INVALID naming the archive, for what is no readable tar archive */
export async function indexArchive(path: string): Promise<ArchiveIndex> {
  const compression = detectCompression(path)
  const index: ArchiveIndex = {
    path,
    compression,
    fingerprint: fingerprintOf(statSync(path)),
    members: new Map(),
    documents: new Map(),
  }
  const tape = new Tape()
  try {
    const bytes = compression === 'none' ? readSkipping(path, tape) : decompress(path, compression)
    await readMembers(bytes, tape, index)
  } catch (error) {
    if (error instanceof ImageError)
      throw new ImageError(error.code, `${path}: ${error.message}`, { cause: error })
    throw new ImageError(
      'BASE_INVALID',
      `${path}: expected a tar archive, plain or compressed with gzip, bzip2, xz or zstd: ${systemReason(error)}`,
      { cause: error },
    )
  }
  return index
}

async function readMembers(bytes: AsyncIterable<Uint8Array>, tape: Tape, index: ArchiveIndex): Promise<void> {
  // With a high-water mark of one byte a write is used up before the next one is asked for.
  const parser = extract({ allowUnknownFormat: true, filenameEncoding: 'latin1', highWaterMark: 1 } as object)
  const globals: PaxRecords = new Map()
  let ended = false
  let documentBytes = 0

  parser.on('entry', (header, body, next) => {
    // The parser fails with the same error.
    body.on('error', () => {})
    try {
      const dataOffset = (header as { byteOffset?: number }).byteOffset ?? 0
      const size = header.size ?? 0
      const group = tape.upTo(dataOffset)
      tape.startAt(dataOffset + size + paddingOf(size))
      const member = ended ? undefined : decodeMember(group, globals)
      ended ||= member === undefined
      if (member !== undefined) {
        checkFits(member, size, dataOffset, index)
        index.members.set(member.name, { ...member, dataOffset })
      }
      const chunks: Buffer[] = []
      const keep = size > 0 && size <= MAX_DOCUMENT && documentBytes + size <= MAX_DOCUMENTS
      body.on('data', (data) => {
        const chunk = data as Buffer
        const isJson = chunks.length > 0 || chunk[0] === 0x7b || chunk[0] === 0x5b
        if (keep && isJson) chunks.push(chunk)
      })
      body.on('end', () => {
        if (chunks.length > 0) {
          index.documents.set(dataOffset, Buffer.concat(chunks))
          documentBytes += size
        }
        next()
      })
      if (!keep) tape.skipBody()
    } catch (error) {
      next(error as Error)
    }
  })

  const failure = new Promise<never>((_, reject) => parser.on('error', reject))
  failure.catch(() => {})
  const consume = async (): Promise<void> => {
    for await (const piece of bytes) {
      const chunk = Buffer.from(piece.buffer, piece.byteOffset, piece.length)
      tape.add(chunk)
      if (!parser.write(chunk)) await new Promise<void>((resolve) => parser.once('drain', () => resolve()))
      // What lies behind the first zero block does not belong to the archive.
      if (tape.atZeroBlock()) return
    }
    await new Promise<void>((resolve) => {
      parser.once('finish', () => resolve())
      parser.end(undefined)
    })
  }
  await Promise.race([consume(), failure])
}

function checkFits(member: Member, size: number, dataOffset: number, index: ArchiveIndex): void {
  if (index.members.size >= MAX_MEMBERS) {
    throw new ImageError('BASE_INVALID', `expected at most ${MAX_MEMBERS} members, found more`)
  }
  if (member.size !== size) {
    throw new ImageError(
      'BASE_INVALID',
      `member "${member.name}": its headers give two sizes, ${member.size} and ${size} bytes`,
    )
  }
  const end = dataOffset + size
  if (index.compression === 'none' && end > index.fingerprint.size) {
    throw new ImageError(
      'BASE_INVALID',
      `member "${member.name}": expected ${end} bytes of archive, found ${index.fingerprint.size}: it is cut short`,
    )
  }
}

/** Bytes on their way to the parser; keeps those that may be header blocks. */
class Tape {
  /** Where the bytes that went by end. */
  position = 0
  /** Up to here the archive's bytes are not wanted. */
  skipTo = 0
  /** Where the next member's header blocks start. */
  private start = 0
  private kept: { offset: number; bytes: Uint8Array }[] = []

  add(bytes: Uint8Array): void {
    if (this.position + bytes.length > this.start) this.kept.push({ offset: this.position, bytes })
    this.position += bytes.length
  }

  /** The bytes from the next header's start to `end`. */
  upTo(end: number): Buffer {
    const parts = this.kept.map(({ offset, bytes }) =>
      bytes.subarray(Math.max(0, this.start - offset), Math.max(0, end - offset)),
    )
    return Buffer.concat(parts)
  }

  /** Whether the block where the next header should start is all zeros. */
  atZeroBlock(): boolean {
    if (this.position < this.start + BLOCK) return false
    return this.upTo(this.start + BLOCK).every((byte) => byte === 0)
  }

  startAt(offset: number): void {
    this.start = offset
    this.kept = this.kept.filter((chunk) => chunk.offset + chunk.bytes.length > offset)
  }

  skipBody(): void {
    this.skipTo = this.start
  }
}

const ZEROS = Buffer.alloc(1 << 20)
const READ_BYTES = 16 * 1024

/** A plain archive's bytes, with zeros for what the tape says to skip. */
async function* readSkipping(path: string, tape: Tape): AsyncGenerator<Uint8Array> {
  const fd = openSync(path, 'r')
  try {
    for (;;) {
      if (tape.skipTo > tape.position) {
        yield ZEROS.subarray(0, Math.min(ZEROS.length, tape.skipTo - tape.position))
        continue
      }
      const buffer = Buffer.allocUnsafe(READ_BYTES)
      const count = readSync(fd, buffer, 0, buffer.length, tape.position)
      if (count === 0) return
      yield buffer.subarray(0, count)
    }
  } finally {
    closeSync(fd)
  }
}
