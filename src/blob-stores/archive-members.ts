/** Where the files of an image layout lie in a tar archive. Only headers are read, within bounds. */

import { checkAborted, ImageError, systemReason } from '../errors.js'
import { openRegularHandle } from '../files/open-regular.js'
import type { Extent } from '../model/blob-store.js'
import type { Member } from '../model/member.js'
import { EXTENSIONS, extensionSize, hasItsChecksum, isZero, WITHOUT_CONTENTS } from '../tar/blocks.js'
import { decodeMember } from '../tar/decode.js'
import { BLOCK, paddingOf } from '../tar/header.js'
import { PaxState } from '../tar/pax.js'

/** An image has a blob for each layer, of which engines take some hundred at most. */
const MAX_MEMBERS = 100_000
/** Bytes of a member's headers: names and records that image tools write take some hundred. */
const MAX_HEADERS = 1 << 20
const MAX_ALL_HEADERS = 256 << 20

/** Bytes that are read at once. */
const WINDOW = 16 * 1024

const WANTED = /^(index\.json|oci-layout|blobs\/sha256\/[0-9a-f]{64})$/
const FILE_TYPES = new Set(['0', '\0', '7'])

/** @returns extents in the archive, by path in the layout @throws ImageError IMAGE_INVALID naming `name`, ABORTED, or the system's error */
export async function findMembers(
  path: string,
  name: string,
  signal?: AbortSignal,
): Promise<Map<string, Extent>> {
  const file = await openRegularHandle(path)
  try {
    const { size } = await file.stat()
    const walk = new Walk(path, size, async (offset, length) => {
      checkAborted(signal)
      const { bytesRead, buffer } = await file.read(Buffer.alloc(length), 0, length, offset)
      return buffer.subarray(0, bytesRead)
    })
    await walk.run()
    return walk.found
  } catch (error) {
    if (error instanceof ImageError && error.code === 'ABORTED') throw error
    throw new ImageError('IMAGE_INVALID', `${name}: expected a tar archive: ${systemReason(error)}`, {
      cause: error,
    })
  } finally {
    await file.close()
  }
}

class Walk {
  readonly found = new Map<string, Extent>()
  private readonly pax = new PaxState()
  private members = 0
  private headerBytes = 0
  /** What was read last: headers of small members lie close together. */
  private window: { offset: number; bytes: Buffer } = { offset: 0, bytes: Buffer.alloc(0) }

  constructor(
    private readonly path: string,
    private readonly size: number,
    /** Reads as many bytes as there are. */
    private readonly read: (offset: number, length: number) => Promise<Buffer>,
  ) {}

  async run(): Promise<void> {
    for (let at = 0; at < this.size; ) {
      const group = await this.headersAt(at)
      const member = decodeMember(group, this.pax)
      // What lies behind the first zero block does not belong to the archive.
      if (member === undefined) return
      if (++this.members > MAX_MEMBERS) throw new Error(`it has more than ${MAX_MEMBERS} members`)
      const offset = at + group.length
      const size = WITHOUT_CONTENTS.has(member.type) ? 0 : member.size
      if (!(size >= 0) || offset + size > this.size)
        throw new Error(
          `member ${JSON.stringify(member.name)} has ${size} bytes, which do not fit into ${this.size}`,
        )
      this.take(member, offset)
      at = offset + size + paddingOf(size)
    }
  }

  /** The header blocks of a member, with those that extend them. */
  private async headersAt(start: number): Promise<Buffer> {
    const blocks: Buffer[] = []
    let length = 0
    for (;;) {
      const block = await this.bytes(start + length, BLOCK)
      blocks.push(block)
      length += BLOCK
      if (isZero(block)) break
      if (!hasItsChecksum(block)) throw new Error('a header has another checksum than its bytes')
      if (!EXTENSIONS.has(String.fromCharCode(block[156]!))) break
      const size = extensionSize(block)
      if (Number.isNaN(size)) throw new Error('the size of a header is not octal')
      if (length + size > MAX_HEADERS)
        throw new Error(`the headers of a member take more than ${MAX_HEADERS} bytes`)
      blocks.push(await this.bytes(start + length, size))
      length += size
    }
    this.headerBytes += length
    if (this.headerBytes > MAX_ALL_HEADERS)
      throw new Error(`its headers take more than ${MAX_ALL_HEADERS} bytes`)
    return Buffer.concat(blocks)
  }

  private async bytes(offset: number, length: number): Promise<Buffer> {
    let at = offset - this.window.offset
    if (at < 0 || at + length > this.window.bytes.length) {
      this.window = { offset, bytes: await this.read(offset, Math.max(length, WINDOW)) }
      at = 0
    }
    const bytes = this.window.bytes.subarray(at, at + length)
    if (bytes.length < length) throw new Error('it is cut short')
    return bytes
  }

  private take(member: Member, offset: number): void {
    const name = member.name.replace(/^(\.?\/)+/, '')
    if (name.split('/').includes('..'))
      throw new Error(`member ${JSON.stringify(member.name)} leads out of it`)
    if (!WANTED.test(name)) return
    if (!FILE_TYPES.has(member.type))
      throw new Error(`expected ${name} to be a file, found type "${member.type}"`)
    if (this.found.has(name)) throw new Error(`expected ${name} once, found it twice`)
    this.found.set(name, { path: this.path, offset, size: member.size })
  }
}
