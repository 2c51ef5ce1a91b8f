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
import { type Entry, Kind, readPlan } from './plan.js'
import { type Sink, SinkWriter } from './sink.js'

export interface ArchiveOptions {
  /**
   * Whether to look again at each file and directory after the plan was made, and fail with FILE_CHANGED
   * when its size, inode, mtime or ctime is another.
   */
  recheck: boolean
  /** Sees every entry, and the contents of files as they are read. */
  nar?: NarHasher | undefined
}

/**
 * Writes a store layer's archive: `/nix/` and `/nix/store/`, then the planned members, then the end blocks.
 * @returns the archive's size in bytes
 * @throws ImageError FILE_CHANGED or FILE_UNREADABLE, naming the file
 */
export function writeArchive(plan: Uint8Array, owner: Owner, sink: Sink, options: ArchiveOptions): number {
  const { recheck, nar } = options
  const headers = headersOf(owner)
  const out = new SinkWriter(sink)
  out.write(headers.storeDirectories)
  readPlan(plan, (entry, path) => {
    out.write(headers.encode(entry, path))
    nar?.entry(entry)
    if (entry.kind === Kind.file) copyFile(entry, path, out, options)
    else if (entry.kind === Kind.directory && recheck) recheckDirectory(entry, path)
  })
  out.zeros(endOfArchiveLength(out.total))
  out.end()
  return out.total
}

/** The size in bytes of what {@link writeArchive} writes. */
export function archiveSize(plan: Uint8Array, owner: Owner): number {
  const headers = headersOf(owner)
  let size = headers.storeDirectories.length
  readPlan(plan, (entry, path) => {
    size += headers.length(entry, path)
    if (entry.kind === Kind.file) size += entry.size + paddingOf(entry.size)
  })
  return size + endOfArchiveLength(size)
}

// A file may have become a symlink, or a fifo that nobody writes to: neither is followed or waited for.
export const OPEN_FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK

function copyFile(entry: Readonly<Entry>, path: string, out: SinkWriter, options: ArchiveOptions): void {
  const { recheck, nar } = options
  const fd = attemptRead(path, () => openSync(fsPath(path), OPEN_FLAGS))
  try {
    let left = entry.size
    while (left > 0) {
      const room = Math.min(left, out.buffer.length - out.at)
      const count = attemptRead(path, () => readSync(fd, out.buffer, out.at, room, null))
      if (count === 0) throw changed(pythonRepr(path), `${entry.size} bytes`, `${entry.size - left}`)
      nar?.contents(out.buffer.subarray(out.at, out.at + count))
      out.advance(count)
      left -= count
    }
    if (recheck) recheckFile(entry, path, fd)
  } finally {
    closeSync(fd)
  }
  out.zeros(paddingOf(entry.size))
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
