/** What differs between the members of two store paths or directories, field by field. */
import type { FoundMember } from '../layers/contents.js'
import type { Member } from '../model/member.js'
import { normalisePath } from '../python/paths.js'
import { isReordered } from './config.js'
import type { Field, FieldChange, MemberChange } from './result.js'

/** Members with differing contents, for who looks where they do. */
export interface DifferingContents {
  from: FoundMember
  to: FoundMember
  change: FieldChange
}

export interface ComparedMembers {
  changes: MemberChange[]
  contents: DifferingContents[]
  /** Indexes of the rewrites without which more members would differ. */
  rewritten: Set<number>
  isReordered: boolean
}

/** @param from members of one group, in the archive's order @param to those of the other one, as they were rewritten */
export function compareMembers(from: readonly FoundMember[], to: readonly FoundMember[]): ComparedMembers {
  const [before, after] = [byName(from), byName(to)]
  const result: ComparedMembers = { changes: [], contents: [], rewritten: new Set(), isReordered: false }
  const isSame = from[0]?.group === to[0]?.group
  for (const [key, member] of before)
    if (!after.has(key)) result.changes.push({ change: 'removed', name: member.member.name, fields: [] })
  for (const [key, member] of after) {
    const other = before.get(key)
    if (other === undefined) result.changes.push({ change: 'added', name: nameOf(member), fields: [] })
    else comparePair(other, member, isSame, result)
  }
  result.isReordered = isReordered([...before.keys()], [...after.keys()])
  return result
}

function comparePair(from: FoundMember, to: FoundMember, isSame: boolean, result: ComparedMembers): void {
  const fields = compareFields(from.member, to.member, isSame)
  for (const field of fields)
    if (field.field === 'link target' && to.rewritten !== undefined) field.to = to.rewritten.linkname
  if (from.digest !== to.digest && from.member.type === to.member.type) {
    const change: FieldChange = { field: 'contents', from: from.member.size, to: to.member.size }
    fields.push(change)
    result.contents.push({ from, to, change })
  }
  for (const index of to.rewritten?.by ?? []) result.rewritten.add(index)
  // Where nothing else tells why the headers are others.
  const isEncoding =
    fields.length === 0 && isSame && to.rewritten === undefined && from.headers.digest !== to.headers.digest
  if (isEncoding) fields.push({ field: 'encoding', from: undefined, to: undefined })
  if (fields.length > 0) result.changes.push({ change: 'changed', name: nameOf(to), fields })
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

/** By what they are called within their group; of several of one name each. */
function byName(members: readonly FoundMember[]): Map<string, FoundMember> {
  const named = new Map<string, FoundMember>()
  const counts = new Map<string, number>()
  for (const found of members) {
    const path = normalisePath(`/${found.member.name.replace(/^\/+/, '')}`)
    // The group's own name may have been rewritten, too; it keeps its length, or the part behind the hash.
    const name = path
      .split('/')
      .slice(found.group === '/' ? 0 : found.group.split('/').length)
      .join('/')
    const count = (counts.get(name) ?? 0) + 1
    counts.set(name, count)
    named.set(count === 1 ? name : `${name}\0${count}`, found)
  }
  return named
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
