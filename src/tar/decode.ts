/**
 * A member's header blocks, as an archive holds them, read as CPython's `tarfile` reads them
 * (`TarInfo.frombuf`, `_proc_pax`, `_proc_gnulong`): tar-stream finds the members of a base image, but it
 * drops what re-encoding one needs (raw types, undecodable bytes, global records, large numbers).
 */
import { ImageError } from '../errors.js'
import type { Member } from '../model/member.js'
import { fsDecode } from '../python/fs-encoding.js'
import { trimSlashes } from '../python/paths.js'
import { isZero } from './blocks.js'
import { BLOCK, paddingOf, TYPE } from './header.js'
import { decodeRecords, type PaxRecords, type PaxState } from './pax.js'

/**
 * @param group the blocks from the end of the member before to the start of this one's data
 * @param state of the archive so far; what `group` says for all members that follow is put into it
 * @returns the member; undefined when the group starts with the zero block that ends an archive
 * @throws ImageError IMAGE_INVALID for a number field or record that cannot be read
 */
export function decodeMember(group: Buffer, state: PaxState): Member | undefined {
  const extensions: ((member: Member) => void)[] = []
  let offset = 0
  while (offset + BLOCK <= group.length) {
    const block = group.subarray(offset, offset + BLOCK)
    if (isZero(block)) return undefined
    if (offset + BLOCK === group.length) {
      const member = decodeBlock(block)
      applyRecords(member, state.globals)
      // CPython reads what an extended header belongs to first: of several, the first has the last word.
      for (const extend of extensions.reverse()) extend(member)
      if (member.type === TYPE.directory) member.name = trimSlashes(member.name)
      return member
    }
    const flag = String.fromCharCode(block[156]!)
    const size = Number(decodeNumber(block, 124, 12))
    const payload = group.subarray(offset + BLOCK, offset + BLOCK + size)
    if (flag === 'g') state.globals = decodeRecords(payload, state)
    else if (flag === 'x' || flag === 'X') {
      const records = decodeRecords(payload, state)
      extensions.push((member) => applyRecords(member, records))
    } else if (flag === 'L' || flag === 'K') {
      const text = field(payload, 0, size)
      state.spend(0, size)
      extensions.push((member) => Object.assign(member, flag === 'L' ? { name: text } : { linkname: text }))
    }
    offset += BLOCK + size + paddingOf(size)
  }
  throw new ImageError('IMAGE_INVALID', 'a member header is cut short')
}

function decodeBlock(block: Buffer): Member {
  const flag = String.fromCharCode(block[156]!)
  const name = field(block, 0, 100)
  const prefix = field(block, 345, 155)
  const type = flag === '\0' && name.endsWith('/') ? TYPE.directory : flag
  const shortName = type === TYPE.directory ? trimSlashes(name) : name
  return {
    name: prefix !== '' && !'LKS'.includes(type) ? `${prefix}/${shortName}` : shortName,
    mode: Number(decodeNumber(block, 100, 8) & 0o7777n),
    uid: decodeNumber(block, 108, 8),
    gid: decodeNumber(block, 116, 8),
    size: safe(decodeNumber(block, 124, 12), 'size'),
    mtime: safe(decodeNumber(block, 136, 12), 'mtime'),
    type,
    linkname: field(block, 157, 100),
    uname: field(block, 265, 32),
    gname: field(block, 297, 32),
    devmajor: Number(decodeNumber(block, 329, 8)),
    devminor: Number(decodeNumber(block, 337, 8)),
  }
}

/** Puts pax records in place of the fields of the ustar block (`TarInfo._apply_pax_info`). */
function applyRecords(member: Member, pax: PaxRecords): void {
  const path = pax.get('path')
  if (path !== undefined) member.name = trimSlashes(path)
  member.linkname = pax.get('linkpath') ?? member.linkname
  member.uname = pax.get('uname') ?? member.uname
  member.gname = pax.get('gname') ?? member.gname
  member.uid = integer(pax.get('uid')) ?? member.uid
  member.gid = integer(pax.get('gid')) ?? member.gid
  const size = integer(pax.get('size'))
  if (size !== undefined) member.size = safe(size, 'size')
  const mtime = pax.get('mtime')
  if (mtime !== undefined) {
    const value = float(mtime)
    member.mtime = value ?? 0
    member.hasFloatTime = value !== undefined
  }
  member.pax = pax
}

/** A NUL-terminated text field (`tarfile.nts`). */
function field(block: Buffer, offset: number, width: number): string {
  const bytes = block.subarray(offset, offset + width)
  const end = bytes.indexOf(0)
  return fsDecode(end < 0 ? bytes : bytes.subarray(0, end))
}

/** An octal field, or a base-256 one when its first byte is 0x80 or 0xff (`tarfile.nti`). */
function decodeNumber(block: Buffer, offset: number, width: number): bigint {
  const lead = block[offset]!
  if (lead === 0x80 || lead === 0xff) {
    const value = BigInt(`0x${block.subarray(offset + 1, offset + width).toString('hex')}`)
    return lead === 0xff ? value - 256n ** BigInt(width - 1) : value
  }
  const text = field(block, offset, width).trim()
  if (text === '') return 0n
  if (!/^[0-7]+$/.test(text)) {
    throw new ImageError('IMAGE_INVALID', `a number in a member header is not octal: ${JSON.stringify(text)}`)
  }
  return BigInt(`0o${text}`)
}

function safe(value: bigint, key: string): number {
  const number = Number(value)
  if (Number.isSafeInteger(number)) return number
  throw new ImageError(
    'IMAGE_INVALID',
    `a member header has the ${key} ${String(value).slice(0, 40)}, which is out of range`,
  )
}

/** `int(text)`; 0 where Python raises ValueError, as for more digits than `sys.int_info` allows. */
function integer(text: string | undefined): bigint | undefined {
  if (text === undefined) return undefined
  const trimmed = text.trim().replace(/^\+/, '')
  const digits = trimmed.replaceAll('_', '')
  return /^-?\d+(_\d+)*$/.test(trimmed) && digits.length <= MAX_DIGITS ? BigInt(digits) : 0n
}

const MAX_DIGITS = 4300

/** `float(text)`; undefined where Python raises ValueError, and takes the integer 0 then. */
function float(text: string): number | undefined {
  const trimmed = text.trim()
  const isNumber = /^[-+]?(\d+(_\d+)*(\.(\d+(_\d+)*)?)?|\.\d+(_\d+)*)(e[-+]?\d+(_\d+)*)?$/i.test(trimmed)
  const isSpecial = /^[-+]?(inf|infinity|nan)$/i.test(trimmed)
  if (!isNumber && !isSpecial) return undefined
  const value = isNumber ? Number(trimmed.replaceAll('_', '')) : Number.NaN
  if (Number.isFinite(value)) return value
  throw new ImageError(
    'IMAGE_INVALID',
    `a pax record has the mtime ${text.slice(0, 40)}, which is out of range`,
  )
}
