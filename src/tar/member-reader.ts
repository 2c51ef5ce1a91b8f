/** The members of an archive whose bytes go by, as CPython's `tarfile` finds them (`TarFile.next`, `TarInfo._proc_member`). */
import { ImageError } from '../errors.js'
import type { Member } from '../model/member.js'
import { EXTENSIONS, extensionSize, hasItsChecksum, isZero, WITHOUT_CONTENTS } from './blocks.js'
import { decodeMember } from './decode.js'
import { BLOCK, paddingOf } from './header.js'
import { PaxState } from './pax.js'

export interface MemberVisitor {
  /**
   * @param offset of its first header block, in bytes from the archive's start
   * @param size of its contents in bytes: what its header says, where its type has contents
   * @param headers its header blocks, with those that extend them
   */
  member(member: Member, offset: number, size: number, headers: Buffer): void
  /** A part of its contents, in order; valid during the call. */
  data(bytes: Buffer): void
  /** All of its contents went by. */
  end(): void
}

/** Header blocks of one member, with its pax records; Linux gives a file's names and attributes less. */
const MAX_HEADER = 1 << 20

export class MemberReader {
  /** Whether the zero block was seen that ends an archive: what lies behind it belongs to nobody. */
  isAtEnd = false
  private globals: PaxState['globals'] = new Map()
  /** Where the last member so far ends, and the next one's header blocks begin, in bytes from the archive's start. */
  start = 0
  /** Of the header blocks that are being gathered, those so far. */
  private group: Buffer[] = []
  private length = 0
  /** Bytes until the next header block, or the records behind one, are whole. */
  private missing = BLOCK
  private isBlock = true
  /** Bytes of contents, and of what fills their last block, until the next member. */
  private contents = 0
  private padding = 0
  private position = 0

  constructor(private readonly visitor: MemberVisitor) {}

  /** Takes the archive's next bytes. @throws ImageError IMAGE_INVALID naming the offset, for what is no member's header */
  accept(bytes: Buffer): void {
    for (let at = 0; at < bytes.length && !this.isAtEnd; ) {
      const left = bytes.length - at
      const from = at
      if (this.contents > 0) {
        const count = Math.min(left, this.contents)
        this.visitor.data(bytes.subarray(at, at + count))
        at += count
        this.contents -= count
        if (this.contents === 0) this.visitor.end()
      } else if (this.padding > 0) {
        const count = Math.min(left, this.padding)
        at += count
        this.padding -= count
      } else {
        const count = Math.min(left, this.missing)
        // The bytes are the caller's, who uses their place again.
        this.group.push(Buffer.from(bytes.subarray(at, at + count)))
        at += count
        this.missing -= count
        this.length += count
        if (this.missing === 0) this.gather(this.position + at - from)
      }
      this.position += at - from
    }
  }

  /** The archive has no more bytes. @throws ImageError IMAGE_INVALID when a member is cut short */
  finish(): void {
    if (this.isAtEnd || this.contents + this.padding + this.length === 0) return
    const at = Math.min(this.start, this.position)
    throw invalid(at, 'a whole member', `the end of the archive at byte ${this.position}`)
  }

  /** @param end where the header blocks so far end */
  private gather(end: number): void {
    if (!this.isBlock) {
      this.expect(true, BLOCK)
      return
    }
    const blocks = Buffer.concat(this.group)
    this.group = [blocks]
    const block = blocks.subarray(-BLOCK)
    if (isZero(block)) {
      this.isAtEnd = true
      return
    }
    if (!hasItsChecksum(block)) throw invalid(end - BLOCK, "a member's header", 'other bytes')
    if (EXTENSIONS.has(String.fromCharCode(block[156]!))) {
      const payload = extensionSize(block)
      if (!(this.length + payload <= MAX_HEADER))
        throw invalid(this.start, `extended headers of at most ${MAX_HEADER} bytes`, `${payload}`)
      this.expect(payload === 0, payload || BLOCK)
      return
    }
    this.begin(blocks, end)
  }

  private begin(blocks: Buffer, end: number): void {
    const state = new PaxState()
    state.globals = this.globals
    const member = located(this.start, () => decodeMember(blocks, state))!
    this.globals = state.globals
    if (member.type === 'S') throw invalid(this.start, 'a plain file', 'one stored as a GNU sparse file')
    if (member.size < 0) throw invalid(this.start, 'a size', `${member.size}`)
    const size = WITHOUT_CONTENTS.has(member.type) ? 0 : member.size
    this.visitor.member(member, this.start, size, blocks)
    this.contents = size
    this.padding = paddingOf(size)
    this.start = end + size + this.padding
    this.group = []
    this.length = 0
    this.expect(true, BLOCK)
    if (size === 0) this.visitor.end()
  }

  private expect(isBlock: boolean, bytes: number): void {
    this.isBlock = isBlock
    this.missing = bytes
  }
}

function located<T>(offset: number, decode: () => T): T {
  try {
    return decode()
  } catch (error) {
    if (!(error instanceof ImageError)) throw error
    throw new ImageError('IMAGE_INVALID', `at byte ${offset}: ${error.message}`, { cause: error })
  }
}

function invalid(offset: number, expected: string, found: string): ImageError {
  return new ImageError('IMAGE_INVALID', `at byte ${offset}: expected ${expected}, found ${found}`)
}
