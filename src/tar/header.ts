/**
 * Member headers in the very bytes of CPython's `tarfile` in its default format (`TarInfo.create_pax_header`):
 * one 512-byte ustar block, after a pax extended header when a field does not fit. POSIX.1-2008 pax
 * interchange format; field layout in PARITY terms: name 100, mode 8, uid 8, gid 8, size 12, mtime 12,
 * checksum 8, type 1, linkname 100, magic and version 8, uname 32, gname 32, devmajor 8, devminor 8.
 */
import type { Member } from '../model/member.js'
import { fsEncode, isAscii } from '../python/fs-encoding.js'
import { floatRepr } from '../python/json.js'

export const BLOCK = 512
/** `tarfile.RECORDSIZE`: every archive is padded to a multiple of it. */
export const RECORD = 20 * BLOCK

/** The type flags of ustar members. */
export const TYPE = {
  file: '0',
  link: '1',
  symlink: '2',
  characterDevice: '3',
  blockDevice: '4',
  directory: '5',
  fifo: '6',
  pax: 'x',
} as const

/** What CPython's `TarInfo(name)` starts from: a regular file of mode 0644, owner 0:0, no owner names. */
export function newMember(name: string, size: number, mtime: number): Member {
  return {
    name,
    mode: 0o644,
    uid: 0n,
    gid: 0n,
    size,
    mtime,
    type: TYPE.file,
    linkname: '',
    uname: '',
    gname: '',
    devmajor: 0,
    devminor: 0,
  }
}

const OCTAL_7 = 8n ** 7n
const OCTAL_11 = 8 ** 11

/** The header blocks of a member: a multiple of 512 bytes. */
export function encodeHeader(member: Member): Buffer {
  const name = member.type === TYPE.directory && !member.name.endsWith('/') ? `${member.name}/` : member.name
  const records = new Map(member.pax)

  const text = (key: string, value: string, width: number): void => {
    if (!records.has(key) && (!isAscii(value) || value.length > width)) records.set(key, value)
  }
  text('path', name, 100)
  text('linkpath', member.linkname, 100)
  text('uname', member.uname, 32)
  text('gname', member.gname, 32)

  const record = (key: string, value: string): void => {
    if (!records.has(key)) records.set(key, value)
  }
  const id = (key: string, value: bigint): bigint => {
    if (value >= 0n && value < OCTAL_7) return value
    record(key, String(value))
    return 0n
  }
  const uid = id('uid', member.uid)
  const gid = id('gid', member.gid)
  const size = member.size < OCTAL_11 ? member.size : 0
  if (size !== member.size) record('size', String(member.size))
  if (member.hasFloatTime) record('mtime', floatRepr(member.mtime))
  let mtime = roundHalfEven(member.mtime)
  if (mtime < 0 || mtime >= OCTAL_11) {
    mtime = 0
    record('mtime', String(member.mtime))
  }

  const block = ustarBlock({ ...member, name, size, mtime }, uid, gid)
  return records.size === 0 ? block : Buffer.concat([paxHeader(records), block])
}

/** NULs that fill the last block of a body of `size` bytes. */
export function paddingOf(size: number): number {
  return (BLOCK - (size % BLOCK)) % BLOCK
}

/** Bytes of the end of an archive whose members take `size` bytes: two zero blocks, then NULs to a full record. */
export function endOfArchiveLength(size: number): number {
  const length = size + 2 * BLOCK
  return 2 * BLOCK + ((RECORD - (length % RECORD)) % RECORD)
}

/**
 * @param sum of all bytes of the header block at `at`, those of its checksum field counted as spaces
 */
export function writeChecksum(out: Buffer, at: number, sum: number): void {
  writeOctal(out, at + 148, 6, sum)
  out[at + 154] = 0
  out[at + 155] = 0x20
}

/** `value` as `digits` octal digits, zero-padded. */
export function writeOctal(block: Buffer, offset: number, digits: number, value: number): void {
  for (let i = offset + digits - 1; i >= offset; i--) {
    block[i] = 0x30 + (value % 8)
    value = Math.floor(value / 8)
  }
}

function ustarBlock(member: Member, uid: bigint, gid: bigint): Buffer {
  const block = Buffer.alloc(BLOCK)
  writeText(block, 0, 100, member.name)
  writeOctal(block, 100, 7, member.mode & 0o7777)
  writeOctal(block, 108, 7, Number(uid))
  writeOctal(block, 116, 7, Number(gid))
  writeOctal(block, 124, 11, member.size)
  writeOctal(block, 136, 11, member.mtime)
  block.fill(0x20, 148, 156)
  block.write(member.type, 156, 'latin1')
  writeText(block, 157, 100, member.linkname)
  block.write('ustar\x0000', 257, 'latin1')
  writeText(block, 265, 32, member.uname)
  writeText(block, 297, 32, member.gname)
  if (member.type === TYPE.characterDevice || member.type === TYPE.blockDevice) {
    writeOctal(block, 329, 7, member.devmajor)
    writeOctal(block, 337, 7, member.devminor)
  }
  let sum = 0
  for (const byte of block) sum += byte
  writeChecksum(block, 0, sum)
  return block
}

/** ASCII with one `?` for every other character, cut at `width`. */
function writeText(block: Buffer, offset: number, width: number, text: string): void {
  const ascii = isAscii(text)
    ? text
    : [...text].map((character) => (isAscii(character) ? character : '?')).join('')
  block.write(ascii.slice(0, width), offset, 'latin1')
}

/** A pax extended header with its records (`TarInfo._create_pax_generic_header`). */
function paxHeader(records: ReadonlyMap<string, string>): Buffer {
  const binary = [...records.values()].some((value) => !value.isWellFormed())
  const parts: Buffer[] = binary ? [Buffer.from('21 hdrcharset=BINARY\n')] : []
  for (const [key, value] of records) {
    const body = Buffer.concat([Buffer.from(` ${key}=`), fsEncode(value), Buffer.from('\n')])
    parts.push(Buffer.from(String(recordLength(body.length))), body)
  }
  const payload = Buffer.concat(parts)
  const header = { ...newMember('././@PaxHeader', payload.length, 0), mode: 0, type: TYPE.pax }
  return Buffer.concat([ustarBlock(header, 0n, 0n), payload, Buffer.alloc(paddingOf(payload.length))])
}

/** The length of a pax record whose part behind the length takes `body` bytes: it counts its own digits. */
export function recordLength(body: number): number {
  let length = body
  while (length !== body + String(length).length) length = body + String(length).length
  return length
}

/** Python's `round` of a float to an int. */
function roundHalfEven(value: number): number {
  const floor = Math.floor(value)
  const rest = value - floor
  return rest < 0.5 || (rest === 0.5 && floor % 2 === 0) ? floor : floor + 1
}
