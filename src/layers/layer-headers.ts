/**
 * Headers of one layer's members. All share the owner and the time, so an entry whose strings fit is a
 * copy of one template with five fields filled in; any other takes the general way of `tar/header`.
 */
import { isAscii } from '../python/fs-encoding.js'
import { BLOCK, encodeHeader, type Member, newMember, TYPE, writeChecksum, writeOctal } from '../tar/header.js'
import { type Entry, Kind } from './plan.js'

/** Who owns the members of a layer, and their time in whole seconds since the epoch. */
export interface Owner {
  mtime: number
  uid: bigint
  gid: bigint
  uname: string
  gname: string
}

const TYPE_OF: Record<Kind, string> = {
  [Kind.file]: TYPE.file,
  [Kind.directory]: TYPE.directory,
  [Kind.symlink]: TYPE.symlink,
  [Kind.fifo]: TYPE.fifo,
  [Kind.characterDevice]: TYPE.characterDevice,
  [Kind.blockDevice]: TYPE.blockDevice,
}

const SIZE_LIMIT = 8 ** 11

/** The bytes of a header block that differ from entry to entry, beside the name and the link name. */
const MODE = [100, 107] as const
const SIZE = [124, 135] as const
const FLAG = [156, 157] as const

export class LayerHeaders {
  private readonly base: Member
  private readonly template: Buffer
  /** Sum of the template's bytes, the checksum field counted as spaces. */
  private readonly templateSum: number
  /** False when the owner or the time needs pax records, which then stand before every member. */
  private readonly templateFits: boolean

  constructor(owner: Owner) {
    this.base = { ...newMember('', 0, 0), ...owner, mode: 0 }
    const blocks = encodeHeader(this.base)
    this.templateFits = blocks.length === BLOCK
    this.template = blocks.subarray(-BLOCK)
    this.template.fill(0x20, 148, 156)
    for (const [from, to] of [MODE, SIZE, FLAG]) this.template.fill(0, from, to)
    this.templateSum = this.template.reduce((sum, byte) => sum + byte, 0)
  }

  /** The header of a directory that is not on disk: mode 0755. */
  directory(name: string): Buffer {
    return encodeHeader({ ...this.base, name, mode: 0o755, type: TYPE.directory })
  }

  /**
   * Writes the entry's header when it takes just one block.
   * @param out at least {@link BLOCK} bytes from `at`
   * @returns false when the entry needs pax records: then take {@link long}
   */
  writeShort(entry: Readonly<Entry>, path: string, out: Buffer, at: number): boolean {
    const isDirectory = entry.kind === Kind.directory
    const length = path.length + (isDirectory && path !== '/' ? 1 : 0)
    if (!this.templateFits || length > 100 || entry.target.length > 100 || entry.size >= SIZE_LIMIT) return false
    if (entry.kind >= Kind.characterDevice || !isAscii(path) || !isAscii(entry.target)) return false

    const block = out.subarray(at, at + BLOCK)
    this.template.copy(block)
    block.write(path, 0, 'latin1')
    if (length > path.length) block[path.length] = 0x2f
    writeOctal(block, 100, 7, entry.mode)
    writeOctal(block, 124, 11, entry.size)
    block[156] = TYPE_OF[entry.kind].charCodeAt(0)
    if (entry.target !== '') block.write(entry.target, 157, 'latin1')

    let sum = this.templateSum + block[156]!
    for (let i = 0; i < length; i++) sum += block[i]!
    for (let i = 100; i < 107; i++) sum += block[i]!
    for (let i = 124; i < 135; i++) sum += block[i]!
    for (let i = 157; i < 157 + entry.target.length; i++) sum += block[i]!
    writeChecksum(block, sum)
    return true
  }

  /** The entry's header blocks with whatever pax records it needs. */
  long(entry: Readonly<Entry>, path: string): Buffer {
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

/** Linux device numbers: `gnu_dev_major`, `gnu_dev_minor`. */
function major(device: number): number {
  return ((device >>> 8) & 0xfff) | (Math.floor(device / 2 ** 32) & ~0xfff)
}

function minor(device: number): number {
  return (device & 0xff) | ((device >>> 12) & ~0xff & 0xfffff)
}
