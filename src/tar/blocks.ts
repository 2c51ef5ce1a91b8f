/** Header blocks by themselves, as CPython's `tarfile` takes them. */
import { BLOCK, paddingOf, TYPE } from './header.js'

/** Flags of headers that say something of the member that follows (POSIX pax, GNU tar). */
export const EXTENSIONS: ReadonlySet<string> = new Set(['x', 'X', 'g', 'L', 'K'])

/** Types that have no contents, whatever size they give (`TarInfo._proc_builtin`). */
export const WITHOUT_CONTENTS: ReadonlySet<string> = new Set([
  TYPE.link,
  TYPE.symlink,
  TYPE.characterDevice,
  TYPE.blockDevice,
  TYPE.directory,
  TYPE.fifo,
])

const ZEROS = Buffer.alloc(BLOCK)

/** Whether it is the block that ends an archive. */
export function isZero(block: Buffer): boolean {
  return block.equals(ZEROS)
}

/** Of an extension, and what fills its last block, in bytes; NaN where that is no octal number. */
export function extensionSize(block: Buffer): number {
  const text = block.toString('latin1', 124, 136).replace(/[\0 ]+$/, '')
  const size = /^[0-7]+$/.test(text) ? Number.parseInt(text, 8) : Number.NaN
  return size + paddingOf(size)
}

/** The sum of the block's bytes, signed or not, its checksum field taken as spaces (`tarfile.calc_chksums`). */
export function hasItsChecksum(block: Buffer): boolean {
  const found = Number.parseInt(block.toString('latin1', 148, 156).replace(/[\0 ]+$/, ''), 8)
  let unsigned = 8 * 0x20
  let signed = unsigned
  for (let i = 0; i < BLOCK; i++) {
    if (i >= 148 && i < 156) continue
    const byte = block[i]!
    unsigned += byte
    signed += byte < 0x80 ? byte : byte - 0x100
  }
  return found === unsigned || found === signed
}
