/**
 * A part of an archive, from any byte on: for those who take a layer piece by piece, or go on where they were cut off.
 * Members before it are passed over by their sizes; nothing of them is read.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import type { FileRange, Recipe } from '../model/recipe.js'
import { fsPath } from '../python/fs-encoding.js'
import { pythonRepr } from '../python/repr.js'
import { endOfArchiveLength, paddingOf } from '../tar/header.js'
import { attemptRead, OPEN_FLAGS, recheckFile } from './archive.js'
import { changed, expectSame } from './fingerprint.js'
import { headersOf } from './layer-headers.js'
import { type Entry, Kind, type PlanCursor, readPlan } from './plan.js'

export interface SliceTask {
  /** Store paths, or a part of a plain file. */
  recipe: Recipe
  /** Where in the archive the slice starts, in bytes. */
  start: number
  /** Shared memory for its bytes: as many as fit are written, the archive has no fewer. */
  into: Uint8Array
  /** Where an earlier slice ended, for which less has to be passed over. */
  cursor?: SliceCursor | undefined
}

export interface SliceCursor {
  /** Bytes of the archive before the plan's cursor. */
  offset: number
  plan: PlanCursor
}

/** @returns where it ended @throws ImageError FILE_CHANGED, FILE_UNREADABLE, naming the file */
export function writeSlice({ recipe, start, into, cursor }: SliceTask): SliceCursor | undefined {
  const window = new Window(start, Buffer.from(into.buffer, into.byteOffset, into.length))
  if (recipe.kind === 'store') return writeMembers(recipe, window, cursor)
  copyRange(recipe, window)
  return undefined
}

function writeMembers(
  { plan, owner }: Extract<Recipe, { kind: 'store' }>,
  window: Window,
  cursor: SliceCursor | undefined,
): SliceCursor | undefined {
  const headers = headersOf(owner)
  if (cursor === undefined) window.write(headers.storeDirectories)
  else window.offset = cursor.offset
  if (window.isFull) return undefined
  let offset = window.offset
  const end = readPlan(
    plan,
    (entry, path) => {
      offset = window.offset
      window.write(headers.encode(entry, path))
      if (entry.kind === Kind.file) writeFile(entry, path, window)
      // A member that goes on behind the slice is begun again by the next one.
      return window.isFull ? false : undefined
    },
    cursor?.plan,
  )
  if (!window.isFull) {
    offset = window.offset
    window.zeros(endOfArchiveLength(window.offset))
  }
  return { offset, plan: end }
}

function writeFile(entry: Readonly<Entry>, path: string, window: Window): void {
  const wanted = window.wanted(entry.size)
  if (wanted.count > 0) {
    const fd = attemptRead(path, () => openSync(fsPath(path), OPEN_FLAGS))
    try {
      for (let done = 0; done < wanted.count; ) {
        const { at, buffer } = window
        const from = wanted.from + done
        const count = attemptRead(path, () => readSync(fd, buffer, at + done, wanted.count - done, from))
        if (count === 0) throw changed(pythonRepr(path), `${entry.size} bytes`, `${from}`)
        done += count
      }
      recheckFile(entry, path, fd)
    } finally {
      closeSync(fd)
    }
  }
  window.pass(entry.size)
  window.zeros(paddingOf(entry.size))
}

function copyRange({ path, fingerprint, range }: FileRange, window: Window): void {
  const fd = attemptRead(path, () => openSync(fsPath(path), OPEN_FLAGS))
  try {
    const { from, count } = window.wanted(range.size)
    for (let done = 0; done < count; ) {
      const position = range.offset + from + done
      const read = attemptRead(path, () => readSync(fd, window.buffer, done, count - done, position))
      if (read === 0) throw changed(path, `${range.size} bytes at offset ${range.offset}`, `${from + done}`)
      done += read
    }
    expectSame(path, fingerprint, fstatSync(fd))
  } finally {
    closeSync(fd)
  }
}

/** The bytes of an archive from `start` on that fit into a buffer; what lies around them is passed over. */
class Window {
  /** In the archive, of what comes next. */
  offset = 0

  constructor(
    private readonly start: number,
    readonly buffer: Buffer,
  ) {}

  get isFull(): boolean {
    return this.offset >= this.start + this.buffer.length
  }

  /** Where in the buffer the next wanted byte goes. */
  get at(): number {
    return Math.max(0, this.offset - this.start)
  }

  /** Which of the next `size` bytes are wanted. */
  wanted(size: number): { from: number; count: number } {
    const from = Math.min(size, Math.max(0, this.start - this.offset))
    return { from, count: Math.max(0, Math.min(size - from, this.buffer.length - this.at)) }
  }

  pass(size: number): void {
    this.offset += size
  }

  write(bytes: Buffer): void {
    const { from, count } = this.wanted(bytes.length)
    bytes.copy(this.buffer, this.at, from, from + count)
    this.pass(bytes.length)
  }

  zeros(size: number): void {
    const { count } = this.wanted(size)
    if (count > 0) this.buffer.fill(0, this.at, this.at + count)
    this.pass(size)
  }
}
