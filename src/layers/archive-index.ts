/**
 * Finds the members of a base image's archive. tar-stream reads the structure; bodies of an uncompressed
 * archive are not read for it: a shared block of zeros takes their place in the stream.
 */
import { closeSync, fstatSync } from 'node:fs'
import { extract } from 'tar-stream'
import { attempt, ImageError, systemReason } from '../errors.js'
import { openRegular } from '../files/open-regular.js'
import type { Compression } from '../model/compression.js'
import type { Member } from '../model/member.js'
import type { FileRange, Fingerprint } from '../model/recipe.js'
import { fsPath } from '../python/fs-encoding.js'
import { decodeMember } from '../tar/decode.js'
import { paddingOf } from '../tar/header.js'
import { PaxState } from '../tar/pax.js'
import { TrailingError } from './decoders/errors.js'
import { decompress, detectCompression } from './decompress.js'
import { expectSame, fingerprintOf } from './fingerprint.js'
import { MemberTable, shorten } from './member-table.js'
import { isWorthCopying, type PlainCopy, startCopy } from './plain-copy.js'
import { readSkipping, Tape } from './tape.js'

export interface ArchiveIndex {
  path: string
  compression: Compression
  fingerprint: Fingerprint
  /** Where its members' data is read: the archive, or a plain copy of it. */
  file: Omit<FileRange, 'range'>
  members: MemberTable
  /** Bodies that may be JSON documents, by their data offset. */
  documents: Map<number, Buffer>
}

/** Docker's own archives have a few for each layer. */
const MAX_MEMBERS = 100_000
/** As much as registries take of a manifest (OCI distribution specification). */
const MAX_DOCUMENT = 4 << 20
const MAX_DOCUMENTS = 32 << 20
/** Padding behind an archive's end: tar writes up to a record, which is 10 KiB, with `-b` a few MiB. */
const MAX_TRAILER = 16 << 20
/** Header blocks of one member, with its pax records; Linux gives a file's names and attributes less. */
const MAX_HEADER = 1 << 20

/** An archive to open. */
export interface ArchiveTask {
  path: string
  /** An empty file for a plain copy of one that takes long to decompress. */
  into?: string | undefined
}

/** @throws ImageError IMAGE_INVALID naming the archive, for what is no readable tar archive */
export async function indexArchive({ path, into }: ArchiveTask): Promise<ArchiveIndex> {
  const { fd, stats } = open(path)
  let copy: PlainCopy | undefined
  try {
    const fingerprint = fingerprintOf(stats)
    const compression = detectCompression(fd)
    const index: ArchiveIndex = {
      path,
      compression,
      fingerprint,
      file: { kind: 'range', path, compression, fingerprint },
      members: new MemberTable(),
      documents: new Map(),
    }
    const tape = new Tape()
    const bytes = compression === 'none' ? readSkipping(fd, tape) : decompress(fd, compression)
    if (into !== undefined && isWorthCopying(compression)) copy = startCopy(into)
    await readMembers(copy?.keep(bytes) ?? bytes, tape, index)
    expectSame(path, fingerprint, fstatSync(fd))
    index.file = copy?.finish() ?? index.file
    return index
  } catch (error) {
    throw naming(path, error)
  } finally {
    copy?.close()
    closeSync(fd)
  }
}

function open(path: string): ReturnType<typeof openRegular> {
  return attempt('IMAGE_INVALID', `${path}: cannot be read`, () => openRegular(fsPath(path)))
}

function naming(path: string, error: unknown): ImageError {
  if (!(error instanceof ImageError)) {
    return new ImageError(
      'IMAGE_INVALID',
      `${path}: expected a tar archive, plain or compressed with gzip, bzip2, xz or zstd: ${systemReason(error)}`,
      { cause: error },
    )
  }
  if (error.code === 'FILE_CHANGED') return error
  return new ImageError(error.code, `${path}: ${error.message}`, { hint: error.hint, cause: error })
}

async function readMembers(
  bytes: AsyncGenerator<Uint8Array>,
  tape: Tape,
  index: ArchiveIndex,
): Promise<void> {
  // With a high-water mark of one byte a write is used up before the next one is asked for.
  const parser = extract({ allowUnknownFormat: true, filenameEncoding: 'latin1', highWaterMark: 1 } as object)
  const state = new PaxState()
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
      const member = ended ? undefined : decodeMember(group, state)
      ended ||= member === undefined
      if (member !== undefined) {
        checkFits(member, size, dataOffset, index)
        index.members.add({ ...member, dataOffset })
      }
      const chunks: Buffer[] = []
      const keep = size > 0 && size <= MAX_DOCUMENT && documentBytes + size <= MAX_DOCUMENTS
      let mayBeJson: boolean | undefined
      body.on('data', (data) => {
        const chunk = data as Buffer
        mayBeJson ??= keep && JSON_STARTS.includes(chunk[0]!)
        if (mayBeJson) chunks.push(chunk)
        else tape.skipBody()
      })
      body.on('end', () => {
        if (chunks.length > 0) {
          index.documents.set(dataOffset, Buffer.concat(chunks))
          documentBytes += size
        }
        next()
      })
    } catch (error) {
      next(error as Error)
    }
  })

  const isAtEnd = (): boolean => ended || tape.atZeroBlock()
  // What lies behind the first zero block does not belong to the archive, so the parser need not take it.
  const stopped = new Promise<void>((resolve, reject) => {
    parser.on('error', (error) => (isAtEnd() ? resolve() : reject(error)))
  })
  stopped.catch(() => {})
  const until = (event: 'drain' | 'finish'): Promise<void> =>
    Promise.race([new Promise<void>((resolve) => parser.once(event, () => resolve())), stopped])
  try {
    for await (const piece of rest(bytes)) {
      const chunk = tape.add(piece)
      if (!parser.write(chunk)) await until('drain')
      if (isAtEnd()) {
        if (index.compression !== 'none') await readToEnd(bytes)
        return
      }
      if (tape.pending > MAX_HEADER + chunk.length) {
        throw new ImageError(
          'IMAGE_INVALID',
          `expected headers of at most ${MAX_HEADER} bytes before each member, found more`,
        )
      }
    }
    const finished = until('finish')
    parser.end(undefined)
    await finished
  } finally {
    await bytes.return(undefined)
  }
}

/** Compressed data is known to be whole only when its last checksum was read. What is none behind it is nobody's. */
async function readToEnd(bytes: AsyncGenerator<Uint8Array>): Promise<void> {
  let length = 0
  try {
    for await (const piece of rest(bytes)) {
      length += piece.length
      if (length > MAX_TRAILER) {
        throw new ImageError(
          'IMAGE_INVALID',
          `expected at most ${MAX_TRAILER >> 20} MiB behind the archive's end, found more`,
        )
      }
    }
  } catch (error) {
    if (!(error instanceof ImageError && error.cause instanceof TrailingError)) throw error
  }
}

/** What is left of the stream; leaving the loop does not end it. */
async function* rest(bytes: AsyncGenerator<Uint8Array>): AsyncGenerator<Uint8Array> {
  for (let next = await bytes.next(); !next.done; next = await bytes.next()) yield next.value
}

/** What may stand before or at the start of a JSON document: white space, a byte order mark, brackets. */
const JSON_STARTS = [0x20, 0x09, 0x0a, 0x0d, 0xef, 0x7b, 0x5b]

function checkFits(member: Member, size: number, dataOffset: number, index: ArchiveIndex): void {
  if (index.members.count >= MAX_MEMBERS) {
    throw new ImageError('IMAGE_INVALID', `expected at most ${MAX_MEMBERS} members, found more`)
  }
  if (member.size !== size) {
    throw new ImageError(
      'IMAGE_INVALID',
      `member "${shorten(member.name)}": its headers give two sizes, ${member.size} and ${size} bytes`,
    )
  }
  const end = dataOffset + size
  if (index.compression === 'none' && end > index.fingerprint.size) {
    throw new ImageError(
      'IMAGE_INVALID',
      `member "${shorten(member.name)}": expected ${end} bytes of archive, found ${index.fingerprint.size}: it is cut short`,
    )
  }
}
