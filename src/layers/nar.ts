/**
 * NAR hashes of store paths, computed beside a layer's archive from the same bytes: they tell whether a layer
 * holds what the Nix store's database says of its paths. The format is that of the Nix manual, "Nix Archive
 * (NAR) format": strings behind their lengths, padded to 8 bytes.
 */
import { createHash } from 'node:crypto'
import { fsEncode, isAscii } from '../python/fs-encoding.js'
import { type Entry, Kind } from './plan.js'

/** Takes a layer's entries in the order of its plan and, after each file, all of its contents. */
export class NarHasher {
  /** Of the store paths before the one that is under way. */
  private readonly hashes: (string | undefined)[] = []
  private started = false
  /** The store path that is under way; undefined when it can have no NAR hash. */
  private nar: Nar | undefined

  entry(entry: Readonly<Entry>): void {
    if (entry.depth === 0) {
      this.end()
      this.started = true
      this.nar = new Nar()
    }
    if (this.nar?.add(entry) === false) this.nar = undefined
  }

  /** @param bytes the next of the last entry's contents; they are not kept */
  contents(bytes: Uint8Array): void {
    this.nar?.write(bytes)
  }

  /**
   * To be called once, after the last entry.
   * @returns for each store path its hash as `nix-store --query --hash` prints it, `sha256:` and 52 digits of
   *   Nix's base 32; undefined where a mode or a kind is none that the store has, or where the archive's order
   *   is not the NAR's
   */
  finish(): (string | undefined)[] {
    this.end()
    return this.hashes
  }

  private end(): void {
    if (this.started) this.hashes.push(this.nar && `sha256:${nixBase32(this.nar.digest())}`)
  }
}

/** The store's modes: all else is stripped when a path becomes valid. */
const FILE_MODE = 0o444
const EXECUTABLE_MODE = 0o555
const DIRECTORY_MODE = 0o555

/** Digesting strings one by one takes longer than gathering them: 40 bytes are the usual length. */
const scratch = Buffer.allocUnsafeSlow(16 * 1024)

class Nar {
  private readonly hash = createHash('sha256')
  /** How many nodes are open: the last entry, and the directories above it. */
  private open = 0
  /** The latest name in each directory that is open. */
  private readonly names: string[] = []
  /** Bytes behind the last file's contents. */
  private padding = 0
  /** Bytes in {@link scratch}. */
  private gathered = 0

  constructor() {
    this.write(MAGIC)
  }

  /** @returns false when this entry is none that a NAR of the store has, or not in its place */
  add(entry: Readonly<Entry>): boolean {
    const { depth, name } = entry
    this.close(depth)
    if (!isCanonical(entry) || !this.isNext(depth, name)) return false
    this.open = depth + 1
    if (depth > 0) {
      this.write(ENTRY)
      this.text(name)
      this.write(NODE)
    }
    if (entry.kind === Kind.directory) this.write(DIRECTORY)
    else if (entry.kind === Kind.symlink) {
      this.write(SYMLINK)
      this.text(entry.target)
    } else {
      this.write(entry.mode === EXECUTABLE_MODE ? EXECUTABLE : FILE)
      this.length(entry.size)
      this.padding = paddingOf(entry.size)
    }
    return true
  }

  write(bytes: Uint8Array): void {
    if (bytes.length > scratch.length - this.gathered) this.flush()
    if (bytes.length > scratch.length) this.hash.update(bytes)
    else {
      scratch.set(bytes, this.gathered)
      this.gathered += bytes.length
    }
  }

  digest(): Buffer {
    this.close(0)
    this.flush()
    return this.hash.digest()
  }

  /** Whether the name comes after the one before it in the same directory, by bytes. */
  private isNext(depth: number, name: string): boolean {
    const before = this.names[depth]
    this.names.length = depth
    this.names[depth] = name
    if (before === undefined || (before.isWellFormed() && name.isWellFormed())) return true
    // Code points are in the order of their UTF-8; bytes that are not UTF-8 need not be.
    return Buffer.compare(fsEncode(before), fsEncode(name)) < 0
  }

  /** Ends nodes until as many are open. */
  private close(depth: number): void {
    this.write(ZEROS.subarray(0, this.padding))
    this.padding = 0
    while (this.open > depth) this.write(--this.open === 0 ? CLOSE : CLOSE_ENTRY)
  }

  private text(text: string): void {
    const bytes = isAscii(text) ? Buffer.from(text, 'latin1') : fsEncode(text)
    this.length(bytes.length)
    this.write(bytes)
    this.write(ZEROS.subarray(0, paddingOf(bytes.length)))
  }

  private length(value: number): void {
    if (scratch.length - this.gathered < 8) this.flush()
    scratch.writeUInt32LE(value % 2 ** 32, this.gathered)
    scratch.writeUInt32LE(Math.floor(value / 2 ** 32), this.gathered + 4)
    this.gathered += 8
  }

  private flush(): void {
    this.hash.update(scratch.subarray(0, this.gathered))
    this.gathered = 0
  }
}

function isCanonical({ kind, mode }: Readonly<Entry>): boolean {
  if (kind === Kind.directory) return mode === DIRECTORY_MODE
  if (kind === Kind.file) return mode === FILE_MODE || mode === EXECUTABLE_MODE
  return kind === Kind.symlink
}

function paddingOf(length: number): number {
  return (8 - (length % 8)) % 8
}

const ZEROS = Buffer.alloc(8)
const MAGIC = strings('nix-archive-1')
const FILE = strings('(', 'type', 'regular', 'contents')
const EXECUTABLE = strings('(', 'type', 'regular', 'executable', '', 'contents')
const SYMLINK = strings('(', 'type', 'symlink', 'target')
const DIRECTORY = strings('(', 'type', 'directory')
const ENTRY = strings('entry', '(', 'name')
const NODE = strings('node')
const CLOSE = strings(')')
const CLOSE_ENTRY = strings(')', ')')

function strings(...texts: string[]): Buffer {
  return Buffer.concat(
    texts.map((text) => {
      const bytes = Buffer.alloc(8 + text.length + paddingOf(text.length))
      bytes.writeUInt32LE(text.length)
      bytes.write(text, 8)
      return bytes
    }),
  )
}

/** Nix's base 32 of a SHA-256: five bits a digit, the highest first, the bytes taken as a little-endian number. */
export function nixBase32(bytes: Buffer): string {
  let text = ''
  for (let digit = 51; digit >= 0; digit--) {
    const at = Math.floor((digit * 5) / 8)
    const bits = (bytes[at]! | ((bytes[at + 1] ?? 0) << 8)) >> ((digit * 5) % 8)
    text += DIGITS[bits & 31]
  }
  return text
}

/** The bytes that {@link nixBase32} wrote. */
export function fromNixBase32(text: string): Buffer {
  const bytes = Buffer.alloc(32)
  for (const [i, character] of [...text].entries()) {
    const digit = text.length - 1 - i
    const at = Math.floor((digit * 5) / 8)
    const bits = DIGITS.indexOf(character) << ((digit * 5) % 8)
    bytes[at]! |= bits & 0xff
    if (at < 31) bytes[at + 1]! |= bits >> 8
  }
  return bytes
}

const DIGITS = '0123456789abcdfghijklmnpqrsvwxyz'
