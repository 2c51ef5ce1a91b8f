/** What is in a file, in its layer's archive: read from the file, or what was kept of it. */
import { closeSync, constants, fstatSync, lstatSync, openSync, readSync } from 'node:fs'
import { failure, systemCode } from '../errors.js'
import { fsPath } from '../python/fs-encoding.js'
import { pythonRepr } from '../python/repr.js'
import { paddingOf } from '../tar/header.js'
import { changed, expectSame } from './fingerprint.js'
import { bytesAt, type Kept } from './kept.js'
import type { NarHasher } from './nar.js'
import { type Entry, Kind, type PlacedEntry } from './plan.js'
import type { SinkWriter } from './sink.js'

export interface ContentsOptions {
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

// A file may have become a symlink, or a fifo that nobody writes to: neither is followed or waited for.
export const OPEN_FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK

/** Writes a file's contents and what fills their last block. @throws ImageError FILE_CHANGED or FILE_UNREADABLE, naming the file */
export function copyContents(
  entry: PlacedEntry,
  path: string,
  out: SinkWriter,
  options: ContentsOptions,
): void {
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
  { recheck, nar }: ContentsOptions,
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
function recheckFile(entry: Readonly<Entry>, path: string, fd: number): void {
  const stats = attemptRead(path, () => fstatSync(fd))
  expectSame(path, entry, stats, pythonRepr)
}

/** Of directories the size does not count. */
export function recheckByName(entry: Readonly<Entry>, path: string): void {
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
