/**
 * Members on their way from the thread that found them: some hundred bytes each in memory that threads share. As objects
 * they take kilobytes, once more in the message and once more where it arrives.
 */
import type { Digest } from '../model/digest.js'
import type { Member } from '../model/member.js'

export interface FoundMember {
  group: string
  /** As it was rewritten. */
  member: Member
  /** Of its contents, as they were rewritten; undefined where it has none. */
  digest: Digest | undefined
  /** Of its first header block, in bytes from the archive's start. */
  offset: number
  /** Of its header blocks, and their bytes. */
  headers: { digest: string; size: number }
  /** Where something was rewritten: indexes of the rewrites, and what the member was called and led to. */
  rewritten?: { by: number[]; name: string; linkname: string }
}

export interface PackedMembers {
  /** Those that were asked for. */
  groups: readonly string[]
  /** Each member is the length of its record, in 4 bytes, and the record as JSON. */
  chunks: readonly Uint8Array[]
  /** Whether these are all; otherwise there was no room for them. */
  areAll: boolean
}

/** Where a member is among packed ones. */
export type MemberPlace = number

const LENGTH = 4
const FIRST_CHUNK = 4096
const LARGEST_CHUNK = 256 * 1024
/** Places in one chunk. */
const PLACES = 2 ** 32

export class MemberPacker {
  private readonly chunks: Buffer[] = []
  private readonly indexes: ReadonlyMap<string, number>
  private used = 0
  private areAll = true

  /** @param room in bytes: what a header says in extended records is bounded by nothing else */
  constructor(
    private readonly groups: readonly string[],
    private room: number,
  ) {
    this.indexes = new Map(groups.map((group, i) => [group, i]))
  }

  add(found: FoundMember): void {
    const record = JSON.stringify(recordOf(found, this.indexes.get(found.group)!))
    const length = Buffer.byteLength(record)
    this.room -= LENGTH + length
    this.areAll &&= this.room >= 0
    if (!this.areAll) return
    const chunk = this.chunkFor(LENGTH + length)
    chunk.writeUInt32LE(length, this.used)
    chunk.write(record, this.used + LENGTH)
    this.used += LENGTH + length
  }

  finish(): PackedMembers {
    this.close()
    const { groups, chunks, areAll } = this
    return { groups, chunks, areAll }
  }

  private chunkFor(length: number): Buffer {
    const last = this.chunks.at(-1)
    if (last !== undefined && this.used + length <= last.length) return last
    this.close()
    const usual = Math.min(LARGEST_CHUNK, FIRST_CHUNK << Math.min(this.chunks.length, 8))
    const chunk = Buffer.from(new SharedArrayBuffer(Math.max(usual, length)))
    this.chunks.push(chunk)
    this.used = 0
    return chunk
  }

  private close(): void {
    const last = this.chunks.pop()
    if (last !== undefined) this.chunks.push(last.subarray(0, this.used))
  }
}

/** In the archive's order. */
export function* unpackMembers(packed: PackedMembers): Generator<[MemberPlace, FoundMember]> {
  for (const [i, chunk] of packed.chunks.entries())
    for (let at = 0; at < chunk.length; at += LENGTH + bufferOf(chunk).readUInt32LE(at)) {
      const place = i * PLACES + at
      yield [place, memberAt(packed, place)]
    }
}

export function memberAt({ groups, chunks }: PackedMembers, place: MemberPlace): FoundMember {
  const chunk = bufferOf(chunks[Math.floor(place / PLACES)]!)
  const at = place % PLACES
  const start = at + LENGTH
  return foundOf(JSON.parse(chunk.toString('utf8', start, start + chunk.readUInt32LE(at))), groups)
}

type PackedRecord = ReturnType<typeof recordOf>

function recordOf({ member, digest, offset, headers, rewritten }: FoundMember, group: number) {
  const { name, mode, size, mtime, hasFloatTime = null, type, linkname, ...others } = member
  const { uid, gid, uname, gname, devmajor, devminor, pax } = others
  return [
    ...([group, digest ?? null, offset, headers.digest, headers.size, rewritten ?? null] as const),
    ...([name, mode, String(uid), String(gid), size, mtime, hasFloatTime, type, linkname] as const),
    ...([uname, gname, devmajor, devminor, pax === undefined ? null : [...pax]] as const),
  ] as const
}

function foundOf(record: PackedRecord, groups: readonly string[]): FoundMember {
  const [group, digest, offset, headers, headerSize, rewritten, ...fields] = record
  const [name, mode, uid, gid, size, mtime, hasFloatTime, type, linkname, ...others] = fields
  const [uname, gname, devmajor, devminor, pax] = others
  const ids = { uid: BigInt(uid), gid: BigInt(gid) }
  return {
    ...{ group: groups[group]!, digest: digest ?? undefined, offset },
    headers: { digest: headers, size: headerSize },
    member: {
      ...{ name, mode, ...ids, size, mtime, type, linkname, uname, gname, devmajor, devminor },
      ...(hasFloatTime === null ? {} : { hasFloatTime }),
      ...(pax === null ? {} : { pax: new Map(pax) }),
    },
    ...(rewritten === null ? {} : { rewritten }),
  }
}

function bufferOf({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength)
}
