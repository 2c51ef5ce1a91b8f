/** What differs between the members of two store paths or directories, field by field. */
import { type FoundMember, type MemberPlace, memberAt, type PackedMembers } from '../layers/packed-members.js'
import type { Member } from '../model/member.js'
import { normalisePath } from '../python/paths.js'
import { isReordered } from './config.js'
import type { Field, FieldChange, MemberChange } from './result.js'

/** Members of one group, in the archive's order. */
export interface MemberList {
  packed: PackedMembers
  places: MemberPlace[]
}

/** Members with differing contents, for who looks where they do. */
export interface DifferingContents {
  from: FoundMember
  to: FoundMember
  change: FieldChange
}

interface ComparedMembers {
  /** The first of them; who looks up more gets none. */
  contents: DifferingContents[]
  /** Indexes of the rewrites without which more members would differ. */
  rewritten: Set<number>
  isReordered: boolean
}

/**
 * @param from members of one group @param to those of the other one, as they were rewritten
 * @param wanted of how many differing contents are wanted
 * @param tell takes each change
 */
export function compareMembers(
  from: MemberList | undefined,
  to: MemberList | undefined,
  wanted: number,
  tell: (change: MemberChange) => void,
): ComparedMembers {
  const result: ComparedMembers = { contents: [], rewritten: new Set(), isReordered: false }
  const compare = (a: FoundMember, b: FoundMember): void => {
    const fields = comparePair(a, b, wanted, result)
    if (fields.length > 0) tell({ change: 'changed', name: nameOf(b), fields })
  }
  // What both begin with needs no table.
  const [first, second] = [from?.places ?? [], to?.places ?? []]
  let start = 0
  for (; start < Math.min(first.length, second.length); start++) {
    const [a, b] = [memberAt(from!.packed, first[start]!), memberAt(to!.packed, second[start]!)]
    if (ownName(a) !== ownName(b)) break
    compare(a, b)
  }
  const [before, after] = [byName(from, start), byName(to, start)]
  for (const [key, place] of before) {
    if (after.has(key)) continue
    tell({ change: 'removed', name: memberAt(from!.packed, place).member.name, fields: [] })
  }
  for (const [key, place] of after) {
    const member = memberAt(to!.packed, place)
    const other = before.get(key)
    if (other === undefined) tell({ change: 'added', name: nameOf(member), fields: [] })
    else compare(memberAt(from!.packed, other), member)
  }
  result.isReordered = areReordered(before, after)
  return result
}

/** Whether what both have stands in another order. */
function areReordered(from: ReadonlyMap<string, MemberPlace>, to: ReadonlyMap<string, MemberPlace>): boolean {
  const others = to.keys()
  for (const key of from.keys()) {
    if (!to.has(key)) continue
    let other = others.next()
    while (!from.has(other.value!)) other = others.next()
    if (other.value !== key) return true
  }
  return false
}

function comparePair(
  from: FoundMember,
  to: FoundMember,
  wanted: number,
  result: ComparedMembers,
): FieldChange[] {
  const isSame = from.group === to.group
  const fields = compareFields(from.member, to.member, isSame)
  for (const field of fields)
    if (field.field === 'link target' && to.rewritten !== undefined) field.to = to.rewritten.linkname
  if (from.digest !== to.digest && from.member.type === to.member.type) {
    const change: FieldChange = { field: 'contents', from: from.member.size, to: to.member.size }
    fields.push(change)
    if (result.contents.length < wanted) result.contents.push({ from, to, change })
  }
  for (const index of to.rewritten?.by ?? []) result.rewritten.add(index)
  // Where nothing else tells why the headers are others.
  const isEncoding =
    fields.length === 0 && isSame && to.rewritten === undefined && from.headers.digest !== to.headers.digest
  if (isEncoding) fields.push({ field: 'encoding', from: undefined, to: undefined })
  return fields
}

/** Fields that say the same are left out: of another type what only that type has, records that a field shows. */
function compareFields(from: Member, to: Member, isSame: boolean): FieldChange[] {
  const found: FieldChange[] = []
  const add = (field: Field, a: string | number | bigint, b: string | number | bigint): void => {
    if (a !== b) found.push({ field, from: shown(a), to: shown(b) })
  }
  if (isSame) add('name', from.name, to.name)
  add('type', from.type, to.type)
  add('mode', octal(from.mode), octal(to.mode))
  for (const field of ['uid', 'gid', 'uname', 'gname', 'mtime'] as const) add(field, from[field], to[field])
  if (from.type === to.type) {
    add('link target', from.linkname, to.linkname)
    for (const field of ['devmajor', 'devminor'] as const) add(field, from[field], to[field])
    // What has contents differs in them.
    if (!HAS_CONTENTS(from.type)) add('size', from.size, to.size)
  }
  comparePax(from, to, found)
  return found
}

/** The field that a record stands for (POSIX.1-2008, pax extended header keywords). */
const FIELDS: Record<string, Field> = { path: 'name', linkpath: 'link target', size: 'contents' }

function comparePax(from: Member, to: Member, found: FieldChange[]): void {
  const [a, b] = [from.pax ?? new Map<string, string>(), to.pax ?? new Map<string, string>()]
  const shownBy = new Set<string>(found.map(({ field }) => field))
  for (const key of new Set([...a.keys(), ...b.keys()])) {
    const [before, after] = [a.get(key), b.get(key)]
    const field = FIELDS[key] ?? key
    const isShown = shownBy.has(field) || (field === 'contents' && from.size !== to.size) || field === 'name'
    if (before !== after && !isShown) found.push({ field: `pax ${key}`, from: before, to: after })
  }
  if (isReordered([...a.keys()], [...b.keys()]))
    found.push({ field: 'pax order', from: [...a.keys()].join(' '), to: [...b.keys()].join(' ') })
}

/** By what they are called within their group; of several of one name each. @param start how many are passed over */
function byName(list: MemberList | undefined, start: number): Map<string, MemberPlace> {
  const named = new Map<string, MemberPlace>()
  const counts = new Map<string, number>()
  for (const place of list?.places.slice(start) ?? []) {
    const name = ownName(memberAt(list!.packed, place))
    if (!named.has(name)) {
      named.set(name, place)
      continue
    }
    const count = (counts.get(name) ?? 1) + 1
    counts.set(name, count)
    named.set(`${name}\0${count}`, place)
  }
  return named
}

/** The group's own name may have been rewritten, too; it keeps its length, or the part behind the hash. */
function ownName({ group, member }: FoundMember): string {
  const path = normalisePath(`/${member.name.replace(/^\/+/, '')}`)
  return path
    .split('/')
    .slice(group === '/' ? 0 : group.split('/').length)
    .join('/')
}

function nameOf({ member, rewritten }: FoundMember): string {
  return rewritten?.name ?? member.name
}

function octal(mode: number): string {
  return mode.toString(8).padStart(4, '0')
}

function shown(value: string | number | bigint): string | number {
  if (typeof value !== 'bigint') return value
  return Number.isSafeInteger(Number(value)) ? Number(value) : String(value)
}

/** All others are links, devices, directories and pipes. */
function HAS_CONTENTS(type: string): boolean {
  return !'123456'.includes(type)
}
