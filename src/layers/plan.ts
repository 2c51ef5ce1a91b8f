/**
 * A layer's plan: every member of its archive in order, found once by the walk and used by both passes.
 * It is packed into one shared buffer (about 60 bytes an entry), because plans of all layers are kept
 * until they are streamed and go from thread to thread: only small facts pile up in it, never contents.
 *
 * Entries are in depth-first order, so an entry's path is its name behind the names of its ancestors,
 * and its depth is all that must be stored of them.
 */
import { isAscii } from '../python/fs-encoding.js'
import { hasPlace, placeFrom } from './kept.js'

export const Kind = {
  file: 0,
  directory: 1,
  symlink: 2,
  fifo: 3,
  characterDevice: 4,
  blockDevice: 5,
} as const
export type Kind = (typeof Kind)[keyof typeof Kind]

/** One member. Strings are Python strings. */
export interface Entry {
  kind: Kind
  /** 0 for a store path, one more for each directory below it. */
  depth: number
  /** A store path's whole path at depth 0, otherwise the last component. */
  name: string
  /** Permission bits, masked with 0o7777. */
  mode: number
  /** Bytes of a file's content, 0 for other kinds. */
  size: number
  /** A symlink's target, empty for other kinds. */
  target: string
  /** A device's number (`st_rdev`), 0 for other kinds. */
  device: number
  /** With size, what tells that a file or directory is still the one that was planned. */
  inode: number
  mtimeMs: number
  ctimeMs: number
}

/** Packs entries; `finish` gives the plan. */
export class PlanWriter {
  private buffer = Buffer.allocUnsafe(1 << 14)
  private length = 0

  add(entry: Entry): void {
    this.reserve(FIXED + 2 * (entry.name.length + entry.target.length))
    const { buffer } = this
    let at = this.length
    buffer[at] = entry.kind
    at = buffer.writeUInt16LE(entry.depth, at + 1)
    at = buffer.writeUInt16LE(entry.mode, at)
    at = buffer.writeDoubleLE(entry.kind === Kind.file ? entry.size : entry.device, at)
    at = buffer.writeDoubleLE(entry.inode, at)
    at = buffer.writeDoubleLE(entry.mtimeMs, at)
    at = buffer.writeDoubleLE(entry.ctimeMs, at)
    at = this.text(entry.name, at)
    this.length = this.text(entry.target, at)
  }

  /** The packed plan, in shared memory of just its size. */
  finish(): Uint8Array {
    const plan = new Uint8Array(new SharedArrayBuffer(this.length))
    plan.set(this.buffer.subarray(0, this.length))
    return plan
  }

  private text(text: string, at: number): number {
    const isPlain = isAscii(text)
    const length = this.buffer.write(text, at + 2, isPlain ? 'latin1' : 'utf16le')
    this.buffer.writeUInt16LE(isPlain ? length : length | WIDE, at)
    return at + 2 + length
  }

  private reserve(bytes: number): void {
    if (this.length + bytes <= this.buffer.length) return
    const grown = Buffer.allocUnsafe(Math.max(this.buffer.length * 2, this.length + bytes))
    this.buffer.copy(grown, 0, 0, this.length)
    this.buffer = grown
  }
}

/** A place between two entries of a plan. */
export interface PlanCursor {
  /** Bytes of the plan before it. */
  at: number
  /** Paths of the directories that are open there, each with its slash. */
  parents: readonly string[]
  /** Where the places end of the files before it. */
  place: number
}

const START: PlanCursor = { at: 0, parents: [], place: 0 }

/** An entry, with where contents of a small file are kept: undefined for other entries. */
export type PlacedEntry = Readonly<Entry> & { readonly place: number | undefined }

/**
 * Calls `visit` for each entry in order, with its whole path. The entry object is reused: copy what is to
 * be kept.
 * @param visit returns false to end before the entry
 * @param from where to begin
 * @returns where it ended: before the entry that was not wanted, or at the end
 */
export function readPlan(
  plan: Uint8Array,
  visit: (entry: PlacedEntry, path: string) => boolean | undefined,
  from = START,
): PlanCursor {
  const parents = [...from.parents]
  const buffer = Buffer.from(plan.buffer, plan.byteOffset, plan.length)
  const entry: Entry & { place: number | undefined } = {
    kind: 0,
    depth: 0,
    name: '',
    mode: 0,
    size: 0,
    target: '',
    device: 0,
    inode: 0,
    mtimeMs: 0,
    ctimeMs: 0,
    place: undefined,
  }
  let { at, place } = from
  while (at < buffer.length) {
    const before = at
    entry.kind = buffer[at]! as Kind
    entry.depth = buffer.readUInt16LE(at + 1)
    entry.mode = buffer.readUInt16LE(at + 3)
    const amount = buffer.readDoubleLE(at + 5)
    entry.size = entry.kind === Kind.file ? amount : 0
    entry.device = entry.kind === Kind.file ? 0 : amount
    entry.inode = buffer.readDoubleLE(at + 13)
    entry.mtimeMs = buffer.readDoubleLE(at + 21)
    entry.ctimeMs = buffer.readDoubleLE(at + 29)
    const nameEnd = textEnd(buffer, at + 37)
    entry.name = textAt(buffer, at + 37, nameEnd)
    at = textEnd(buffer, nameEnd)
    entry.target = textAt(buffer, nameEnd, at)
    const path = entry.depth === 0 ? entry.name : parents[entry.depth - 1]! + entry.name
    entry.place = hasPlace(entry.size) ? placeFrom(place, entry.size) : undefined
    if (visit(entry, path) === false) return { at: before, parents, place }
    if (entry.place !== undefined) place = entry.place + entry.size
    if (entry.kind === Kind.directory) parents[entry.depth] = path === '/' ? path : `${path}/`
  }
  return { at, parents, place }
}

/** Bytes of an entry without its texts. */
const FIXED = 1 + 2 + 2 + 4 * 8 + 2 * 2

/**
 * In a text's length: it is UTF-16, so that every Python string comes back as it was, also one whose escaped bytes make
 * up a character. No path has so many bytes.
 */
const WIDE = 0x8000

function textEnd(buffer: Buffer, at: number): number {
  return at + 2 + (buffer.readUInt16LE(at) & ~WIDE)
}

function textAt(buffer: Buffer, at: number, end: number): string {
  const isWide = (buffer.readUInt16LE(at) & WIDE) !== 0
  return buffer.toString(isWide ? 'utf16le' : 'latin1', at + 2, end)
}
