/**
 * A member's header blocks, as an archive holds them, read as CPython's `tarfile` reads them
 * (`TarInfo.frombuf`, `_proc_pax`, `_proc_gnulong`): tar-stream finds the members of a base image, but it
 * drops what re-encoding one needs (raw types, undecodable bytes, global records, large numbers).
 */
import { ImageError } from '../errors.js'
import { fsDecode } from '../python/fs-encoding.js'
import { BLOCK, type Member, paddingOf, TYPE } from './header.js'

export type PaxRecords = Map<string, string>

/**
 * @param group the blocks from the end of the member before to the start of this one's data
 * @param globals records of the global headers so far; those in `group` are added to it
 * @returns the member; undefined when the group starts with the zero block that ends an archive
 * @throws ImageError BASE_INVALID for a number field or record that cannot be read
 */
export function decodeMember(group: Buffer, globals: PaxRecords): Member | undefined {
  const pax: PaxRecords = new Map()
  const long: { name?: string; linkname?: string } = {}
  let hasPax = false
  let offset = 0
  while (offset + BLOCK <= group.length) {
    const block = group.subarray(offset, offset + BLOCK)
    if (block.every((byte) => byte === 0)) return undefined
    const flag = String.fromCharCode(block[156]!)
    const isLast = offset + BLOCK === group.length
    if (isLast)
      return finish(decodeBlock(block), hasPax ? new Map([...globals, ...pax]) : new Map(globals), long)
    const size = Number(decodeNumber(block, 124, 12))
    const payload = group.subarray(offset + BLOCK, offset + BLOCK + size)
    if (flag === 'g') decodeRecords(payload, globals)
    else if (flag === 'x' || flag === 'X') {
      hasPax = true
      decodeRecords(payload, pax)
    } else if (flag === 'L') long.name = field(payload, 0, size)
    else if (flag === 'K') long.linkname = field(payload, 0, size)
    offset += BLOCK + size + paddingOf(size)
  }
  throw new ImageError('BASE_INVALID', 'a member header is cut short')
}

function decodeBlock(block: Buffer): Member {
  const flag = String.fromCharCode(block[156]!)
  const name = field(block, 0, 100)
  const prefix = field(block, 345, 155)
  const type = flag === '\0' && name.endsWith('/') ? TYPE.directory : flag
  const shortName = type === TYPE.directory ? name.replace(/\/+$/, '') : name
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

/** Applies long names and pax records to the fields of the ustar block. */
function finish(member: Member, pax: PaxRecords, long: { name?: string; linkname?: string }): Member {
  const found: Member = { ...member, ...long, pax }
  const text = (key: string): string | undefined => pax.get(key)
  found.name = text('path')?.replace(/\/+$/, '') ?? found.name
  found.linkname = text('linkpath') ?? found.linkname
  found.uname = text('uname') ?? found.uname
  found.gname = text('gname') ?? found.gname
  found.uid = integer(text('uid')) ?? found.uid
  found.gid = integer(text('gid')) ?? found.gid
  const size = integer(text('size'))
  if (size !== undefined) found.size = safe(size, 'size')
  const mtime = text('mtime')
  if (mtime !== undefined) found.mtime = float(mtime)
  if (found.type === TYPE.directory) found.name = found.name.replace(/\/+$/, '')
  return found
}

/** `LEN KEY=VALUE\n` records; with `hdrcharset=BINARY` or invalid UTF-8 the bytes are kept as surrogates. */
function decodeRecords(payload: Buffer, into: PaxRecords): void {
  const charset = /\d+ hdrcharset=([^\n]+)\n/.exec(payload.toString('latin1'))
  if (charset !== null) into.set('hdrcharset', charset[1]!)
  let offset = 0
  while (offset < payload.length) {
    const head = /^(\d+) ([^=]+)=/.exec(payload.toString('latin1', offset, offset + 1024))
    if (head === null) return
    const length = Number(head[1])
    if (length < head[0].length + 1 || offset + length > payload.length) {
      throw new ImageError('BASE_INVALID', `a pax record has the length ${head[1]}, which does not fit`)
    }
    const key = fsDecode(Buffer.from(head[2]!, 'latin1'))
    into.set(key, fsDecode(payload.subarray(offset + head[0].length, offset + length - 1)))
    offset += length
  }
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
    throw new ImageError('BASE_INVALID', `a number in a member header is not octal: ${JSON.stringify(text)}`)
  }
  return BigInt(`0o${text}`)
}

function safe(value: bigint, key: string): number {
  const number = Number(value)
  if (Number.isSafeInteger(number)) return number
  throw new ImageError('BASE_INVALID', `a member header has the ${key} ${value}, which is out of range`)
}

/** `int(text)`; 0 where Python raises ValueError, as `_apply_pax_info` does. */
function integer(text: string | undefined): bigint | undefined {
  if (text === undefined) return undefined
  return /^\s*[-+]?\d+\s*$/.test(text) ? BigInt(text.trim().replace(/^\+/, '')) : 0n
}

/** `float(text)`; 0 where Python raises ValueError. */
function float(text: string): number {
  const value = /^\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*$/.test(text) ? Number(text) : 0
  if (Number.isFinite(value)) return value
  throw new ImageError('BASE_INVALID', `a pax record has the mtime ${text}, which is out of range`)
}
