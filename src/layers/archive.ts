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
import { headersOf } from './layer-headers.js'
import type { NarHasher } from './nar.js'
import { type Entry, Kind, type PlanCursor, readPlan } from './plan.js'
import { type PartSink, type Sink, SinkWriter } from './sink.js'

export interface ArchiveOptions {
  /**
   * Whether to look again at each file and directory after the plan was made, and fail with FILE_CHANGED
   * when its size, inode, mtime or ctime is another.
   */
  recheck: boolean
  /** Sees every entry, and the contents of files as they are read. */
  nar?: NarHasher | undefined
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
      else if (entry.kind === Kind.directory && recheck) recheckDirectory(entry, path)
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

/** The size in bytes of what {@link writeArchive} writes. */
export function archiveSize(plan: Uint8Array, owner: Owner): number {
  const headers = headersOf(owner)
  let size = headers.storeDirectories.length
  readPlan(plan, (entry, path) => {
    size += headers.length(entry, path) + contentLength(entry)
  })
  return size + endOfArchiveLength(size)
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

function copyFile(entry: Readonly<Entry>, path: string, out: SinkWriter, options: ArchiveOptions): void {
  const { recheck, nar } = options
  const { size } = entry
  let done = out.skip(size)
  // One of no bytes is opened, too: that it can be read, and is the one that was planned.
  if (done < size || size === 0) {
    const fd = attemptRead(path, () => openSync(fsPath(path), OPEN_FLAGS))
    try {
      for (; done < size; done += out.skip(size - done)) {
        const room = Math.min(size - done, out.buffer.length - out.at)
        const count = attemptRead(path, () => readSync(fd, out.buffer, out.at, room, done))
        if (count === 0) throw changed(pythonRepr(path), `${size} bytes`, `${done}`)
        nar?.contents(out.buffer.subarray(out.at, out.at + count))
        done += count
        out.advance(count)
      }
      if (recheck) recheckFile(entry, path, fd)
    } finally {
      closeSync(fd)
    }
  }
  out.zeros(paddingOf(size))
}

/** @param fd of the file, opened when it was read @throws ImageError FILE_CHANGED when it is not what was planned */
export function recheckFile(entry: Readonly<Entry>, path: string, fd: number): void {
  const stats = attemptRead(path, () => fstatSync(fd))
  expectSame(path, entry, stats, pythonRepr)
}

function recheckDirectory(entry: Readonly<Entry>, path: string): void {
  const stats = attemptRead(path, () => lstatSync(fsPath(path)))
  expectSame(path, { ...entry, size: stats.size }, stats, pythonRepr)
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
