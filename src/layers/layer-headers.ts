/**
 * Headers of one layer's members. All share the owner and the time, so an entry whose strings fit is a
 * copy of one template with five fields filled in; any other takes the general way of `tar/header`.
 */
import type { Member } from '../model/member.js'
import type { Owner } from '../model/owner.js'
import { isAscii } from '../python/fs-encoding.js'
import {
  BLOCK,
  encodeHeader,
  newMember,
  paddingOf,
  recordLength,
  TYPE,
  writeChecksum,
  writeOctal,
} from '../tar/header.js'
import { type Entry, Kind } from './plan.js'

const TYPE_OF: Record<Kind, string> = {
  [Kind.file]: TYPE.file,
  [Kind.directory]: TYPE.directory,
  [Kind.symlink]: TYPE.symlink,
  [Kind.fifo]: TYPE.fifo,
  [Kind.characterDevice]: TYPE.characterDevice,
  [Kind.blockDevice]: TYPE.blockDevice,
}

const SIZE_LIMIT = 8 ** 11

/** The longest path that Linux takes, and so the longest pax record, fits behind one header block. */
const SCRATCH_BYTES = 3 * BLOCK + 2 * 4096

class LayerHeaders {
  private readonly base: Member
  private readonly template: Template
  private readonly paxTemplate = new Template({
    ...newMember('././@PaxHeader', 0, 0),
    mode: 0,
    type: TYPE.pax,
  })
  private readonly scratch = Buffer.alloc(SCRATCH_BYTES)
  /** Headers of the directories above store paths, which every layer begins with. */
  readonly storeDirectories: Buffer
  /** False when the owner or the time needs pax records, which then stand before every member. */
  private readonly templateFits: boolean

  constructor(private readonly owner: Owner) {
    this.base = { ...newMember('', 0, 0), ...owner, mode: 0 }
    this.template = new Template(this.base)
    this.templateFits = encodeHeader(this.base).length === BLOCK
    this.storeDirectories = Buffer.concat([this.directory('/nix'), this.directory('/nix/store')])
  }

  /** The header of a directory that is not on disk: mode 0755. */
  private directory(name: string): Buffer {
    return encodeHeader({ ...this.base, name, mode: 0o755, type: TYPE.directory })
  }

  isFor({ mtime, uid, gid, uname, gname }: Owner): boolean {
    const { owner } = this
    return (
      owner.mtime === mtime &&
      owner.uid === uid &&
      owner.gid === gid &&
      owner.uname === uname &&
      owner.gname === gname
    )
  }

  /**
   * @param path the entry's whole path
   * @returns its header blocks, valid until the next call
   */
  encode(entry: Readonly<Entry>, path: string): Buffer {
    const name = nameOf(entry, path)
    if (!this.isPlain(entry, name)) return this.general(entry, path)
    if (name.length <= 100) {
      this.template.write(this.scratch, 0, name, entry)
      return this.scratch.subarray(0, BLOCK)
    }
    return this.withPath(entry, name)
  }

  /** How many bytes {@link encode} gives. */
  length(entry: Readonly<Entry>, path: string): number {
    const name = nameOf(entry, path)
    if (!this.isPlain(entry, name)) return this.general(entry, path).length
    return name.length <= 100 ? BLOCK : pathRecord(name).end + BLOCK
  }

  /** Whether at most the name is too long for the template. */
  private isPlain(entry: Readonly<Entry>, name: string): boolean {
    if (!this.templateFits || entry.target.length > 100 || entry.size >= SIZE_LIMIT) return false
    return entry.kind < Kind.characterDevice && name.length < 4096 && isAscii(name) && isAscii(entry.target)
  }

  /** The header of a member with a long name: one pax record, `path`, before it. */
  private withPath(entry: Readonly<Entry>, name: string): Buffer {
    const { scratch } = this
    const { length, end } = pathRecord(name)
    this.paxTemplate.write(scratch, 0, '././@PaxHeader', {
      mode: 0,
      size: length,
      target: '',
      kind: undefined,
    })
    scratch.write(`${length} path=${name}\n`, BLOCK, 'latin1')
    scratch.fill(0, BLOCK + length, end)
    this.template.write(scratch, end, name.slice(0, 100), entry)
    return scratch.subarray(0, end + BLOCK)
  }

  /** The header blocks with whatever pax records the entry needs. */
  private general(entry: Readonly<Entry>, path: string): Buffer {
    return encodeHeader({
      ...this.base,
      name: path,
      mode: entry.mode,
      size: entry.size,
      type: TYPE_OF[entry.kind],
      linkname: entry.target,
      devmajor: major(entry.device),
      devminor: minor(entry.device),
    })
  }
}

function nameOf({ kind }: Readonly<Entry>, path: string): string {
  return kind === Kind.directory && path !== '/' ? `${path}/` : path
}

/** The pax record of a name, and where its blocks end, behind their header. */
function pathRecord(name: string): { length: number; end: number } {
  const length = recordLength(name.length + ' path=\n'.length)
  return { length, end: BLOCK + length + paddingOf(length) }
}

let latest: LayerHeaders | undefined

/** An image's layers share their owner, so its headers are prepared once. */
export function headersOf(owner: Owner): LayerHeaders {
  if (!latest?.isFor(owner)) latest = new LayerHeaders(owner)
  return latest
}

/** A header block in which name, mode, size, type and link name are still to be filled in. */
class Template {
  private readonly block: Buffer
  private readonly type: number
  /** Sum of the block's bytes, the checksum field counted as spaces. */
  private readonly sum: number

  constructor(member: Member) {
    this.block = encodeHeader({ ...member, name: '' }).subarray(-BLOCK)
    this.type = this.block[156]!
    for (const [from, to] of [
      [100, 107],
      [124, 135],
      [156, 157],
    ] as const)
      this.block.fill(0, from, to)
    this.block.fill(0x20, 148, 156)
    this.sum = this.block.reduce((sum, byte) => sum + byte, 0)
  }

  /** @param kind undefined for the type that the template was made with */
  write(
    out: Buffer,
    at: number,
    name: string,
    entry: { mode: number; size: number; target: string; kind: Kind | undefined },
  ): void {
    this.block.copy(out, at)
    out.write(name, at, 'latin1')
    if (entry.target !== '') out.write(entry.target, at + 157, 'latin1')
    writeOctal(out, at + 100, 7, entry.mode)
    writeOctal(out, at + 124, 11, entry.size)
    out[at + 156] = entry.kind === undefined ? this.type : TYPE_OF[entry.kind].charCodeAt(0)

    let sum = this.sum + out[at + 156]!
    for (let i = at; i < at + name.length; i++) sum += out[i]!
    for (let i = at + 100; i < at + 107; i++) sum += out[i]!
    for (let i = at + 124; i < at + 135; i++) sum += out[i]!
    for (let i = at + 157; i < at + 157 + entry.target.length; i++) sum += out[i]!
    writeChecksum(out, at, sum)
  }
}

/** Linux device numbers: `gnu_dev_major`, `gnu_dev_minor`. */
function major(device: number): number {
  return ((device >>> 8) & 0xfff) | (Math.floor(device / 2 ** 32) & ~0xfff)
}

function minor(device: number): number {
  return (device & 0xff) | ((device >>> 12) & ~0xff & 0xfffff)
}
