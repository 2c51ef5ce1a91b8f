/** The members of an archive, found by name as CPython's `tarfile` finds them. */
import type { Member } from '../model/member.js'
import { directoryOf, normalisePath } from '../python/paths.js'
import { TYPE } from '../tar/header.js'

export interface IndexedMember extends Member {
  /** Where the data starts in the uncompressed archive, in bytes. */
  dataOffset: number
}

export class MemberTable {
  private readonly named = new Map<string, IndexedMember>()
  /** By what the name means, in the archive's order. */
  private readonly meant = new Map<string, IndexedMember[]>()
  count = 0

  /** Takes the next member. */
  add(member: IndexedMember): void {
    this.count++
    this.named.set(member.name, member)
    const meaning = normalisePath(member.name)
    const others = this.meant.get(meaning)
    if (others === undefined) this.meant.set(meaning, [member])
    else others.push(member)
  }

  /** Of several members with one name, the last. */
  get(name: string): IndexedMember | undefined {
    return this.named.get(name)
  }

  /** How many members mean the same. */
  countOf(name: string): number {
    return this.meant.get(normalisePath(name))?.length ?? 0
  }

  /**
   * What a link leads to: of a symbolic link, the last member of that name; of a hard link, the last one
   * before the link.
   */
  target(link: IndexedMember): IndexedMember | undefined {
    if (link.type === TYPE.link) {
      const found = this.meant.get(normalisePath(link.linkname)) ?? []
      return found[firstNotBefore(found, link.dataOffset) - 1]
    }
    return this.meant.get(normalisePath(targetPath(link)))?.at(-1)
  }
}

/** Where a link leads to, in words of the archive. */
export function targetPath(link: Member): string {
  if (link.type === TYPE.link) return link.linkname
  return [directoryOf(link.name), link.linkname].filter((part) => part !== '').join('/')
}

/** A name in a message: no longer than Linux has any. */
export function shorten(name: string): string {
  return name.length <= LONGEST_NAME ? name : `${name.slice(0, LONGEST_NAME)}…`
}

const LONGEST_NAME = 4096

/** How many of the members, which are in the archive's order, lie before an offset. */
function firstNotBefore(members: readonly IndexedMember[], offset: number): number {
  let low = 0
  let high = members.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (members[middle]!.dataOffset < offset) low = middle + 1
    else high = middle
  }
  return low
}
