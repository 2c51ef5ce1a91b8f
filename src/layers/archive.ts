/**
 * Plan → archive bytes: the one producer behind both passes. The checksum pass feeds a digest with it, the
 * streaming pass a pipe, and since both read the same plan, what was hashed is what is written.
 */
import { closeSync, constants, fstatSync, lstatSync, openSync, readSync } from 'node:fs'
import { failure, systemCode } from '../errors.js'
import type { Owner } from '../model/owner.js'
import { fsPath } from '../python/fs-encoding.js'
import { pythonRepr } from '../python/repr.js'
import { endOfArchiveLength, paddingOf } from '../tar/header.js'
import { changed, expectSame } from './fingerprint.js'
import { bytesAt, chunksTo, type Kept } from './kept.js'
import { headersOf } from './layer-headers.js'
import type { NarHasher } from './nar.js'
import { type Entry, Kind, type PlacedEntry, type PlanCursor, readPlan } from './plan.js'
import { type PartSink, type Sink, SinkWriter } from './sink.js'

export interface ArchiveOptions {
  /**
   * Whether to look again at each file and directory after the plan was made, and fail with FILE_CHANGED
   * when its size, inode, mtime or ctime is another.
   */
  recheck: boolean
  /** Sees every entry, and the contents of files as they are read. */
  nar?: NarHasher | undefined
  /** Where contents of small files are left, or are taken from in place of the files. */
  kept?: Kept | undefined
}

/** A place before a member of an archive. */
export interface ArchiveCursor {
  /** Bytes of the archive before it. */
  offset: number
  plan: PlanCursor
}

/**
 * Writes a store layer's archive, or what a sink wants of it: `/nix/` and `/nix/store/`, then the planned members, then the
 * end blocks. Members that are not wanted are passed over by their sizes; nothing of them is read.
 * @param from where to begin
 * @returns where it ended: at the end, or at the member with the last byte that is wanted
 * @throws ImageError FILE_CHANGED or FILE_UNREADABLE, naming the file
 */
export function writeArchive(
  plan: Uint8Array,
  owner: Owner,
  sink: Sink | PartSink,
  options: ArchiveOptions,
  from?: ArchiveCursor,
): ArchiveCursor {
  const { recheck, nar } = options
  const headers = headersOf(owner)
  const out = new SinkWriter(sink, from?.offset)
  if (from === undefined) out.write(headers.storeDirectories)
  let offset = out.total
  const end = readPlan(
    plan,
    (entry, path) => {
      if (out.isOver) return false
      offset = out.total
      if (out.isSkipping && out.skips(headers.length(entry, path) + contentLength(entry))) return
      out.write(headers.encode(entry, path))
      nar?.entry(entry)
      if (entry.kind === Kind.file) copyFile(entry, path, out, options)
      else if (entry.kind === Kind.directory && recheck) recheckByName(entry, path)
      // A member that goes on behind what is wanted is begun again by who wants that.
      return out.isOver ? false : undefined
    },
    from?.plan,
  )
  if (!out.isOver) {
    offset = out.total
    out.zeros(endOfArchiveLength(out.total))
    out.end()
  }
  return { offset, plan: end }
}

export interface ArchiveSize {
  /** Bytes. */
  size: number
  /** How many chunks of memory keep contents of all its small files. */
  chunks: number
}

/** What {@link writeArchive} will write. */
export function measureArchive(plan: Uint8Array, owner: Owner): ArchiveSize {
  const headers = headersOf(owner)
  let size = headers.storeDirectories.length
  const end = readPlan(plan, (entry, path) => {
    size += headers.length(entry, path) + contentLength(entry)
  })
  return { size: size + endOfArchiveLength(size), chunks: chunksTo(end.place) }
}

/** The member in which a byte of the archive lies, or the first. @param from a member before it, where one is known */
export function seekArchive(
  plan: Uint8Array,
  owner: Owner,
  start: number,
  from?: ArchiveCursor,
): ArchiveCursor | undefined {
  const headers = headersOf(owner)
  let offset = from?.offset ?? headers.storeDirectories.length
  if (start < offset) return undefined
  const end = readPlan(
    plan,
    (entry, path) => {
      const next = offset + headers.length(entry, path) + contentLength(entry)
      if (next > start) return false
      offset = next
    },
    from?.plan,
  )
  return { offset, plan: end }
}

/** Bytes of a member behind its header blocks. */
function contentLength({ kind, size }: Readonly<Entry>): number {
  return kind === Kind.file ? size + paddingOf(size) : 0
}

// A file may have become a symlink, or a fifo that nobody writes to: neither is followed or waited for.
export const OPEN_FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK

function copyFile(entry: PlacedEntry, path: string, out: SinkWriter, options: ArchiveOptions): void {
  const { kept, recheck } = options
  const { place, size } = entry
  const bytes = kept && place !== undefined ? bytesAt(kept, place, size) : undefined
  if (bytes === undefined || !kept!.isFilled) readFile(entry, path, out, options, bytes)
  else if (!out.skips(size)) {
    out.write(bytes)
    if (recheck) recheckByName(entry, path)
  }
  out.zeros(paddingOf(size))
}

/** @param copy where the contents are left, too */
function readFile(
  entry: Readonly<Entry>,
  path: string,
  out: SinkWriter,
  { recheck, nar }: ArchiveOptions,
  copy: Uint8Array | undefined,
): void {
  const { size } = entry
  let done = out.skip(size)
  // One of no bytes is opened, too: that it can be read, and is the one that was planned.
  if (done === size && size > 0) return
  const fd = attemptRead(path, () => openSync(fsPath(path), OPEN_FLAGS))
  try {
    for (; done < size; done += out.skip(size - done)) {
      const room = Math.min(size - done, out.buffer.length - out.at)
      const count = attemptRead(path, () => readSync(fd, out.buffer, out.at, room, done))
      if (count === 0) throw changed(pythonRepr(path), `${size} bytes`, `${done}`)
      nar?.contents(out.buffer.subarray(out.at, out.at + count))
      copy?.set(out.buffer.subarray(out.at, out.at + count), done)
      done += count
      out.advance(count)
    }
    if (recheck) recheckFile(entry, path, fd)
  } finally {
    closeSync(fd)
  }
}

/** @param fd of the file, opened when it was read @throws ImageError FILE_CHANGED when it is not what was planned */
export function recheckFile(entry: Readonly<Entry>, path: string, fd: number): void {
  const stats = attemptRead(path, () => fstatSync(fd))
  expectSame(path, entry, stats, pythonRepr)
}

/** Of directories the size does not count. */
function recheckByName(entry: Readonly<Entry>, path: string): void {
  const stats = attemptRead(path, () => lstatSync(fsPath(path)))
  const isDirectory = entry.kind === Kind.directory
  expectSame(path, isDirectory ? { ...entry, size: stats.size } : entry, stats, pythonRepr)
}

export function attemptRead<T>(path: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    const code = systemCode(error)
    if (code === 'ENOENT' || code === 'ENOTDIR')
      throw changed(pythonRepr(path), 'it to be there', 'nothing', error)
    if (code === 'ELOOP') throw changed(pythonRepr(path), 'a file', 'a symbolic link', error)
    throw failure('FILE_UNREADABLE', `cannot read ${pythonRepr(path)}`, error)
  }
}
