/**
 * Reads a layer as who unpacks it does, and tells what of it is refused by Docker, podman or containerd, is unpacked
 * otherwise by each, or is a danger to who unpacks it (OCI image specification 1.1, "Layer").
 */
import type { Member } from '../model/member.js'
import type { Recipe } from '../model/recipe.js'
import { normalisePath } from '../python/paths.js'
import type { MemberVisitor } from '../tar/member-reader.js'
import type { Checksum } from './checksum.js'
import { shorten } from './member-table.js'
import { type NameHash, NameTable, nameHash } from './name-table.js'
import { readMembers } from './read-members.js'

export interface AuditTask {
  recipe: Recipe
  /** Whether nothing lies below it that whiteouts could hide. */
  isLowest: boolean
}

export interface Audit extends Checksum {
  members: number
  /** Each a line: `etc/passwd: …`. */
  problems: string[]
}

/** Problems that are listed of one layer. */
const MAX_PROBLEMS = 50
/** Members of which it is known what they are: 50 MB. */
const MAX_MEMBERS = 2_000_000
/** Names that are looked at again. */
const MAX_SUSPECTS = 1000

/** @throws ImageError what reading the layer fails with */
export async function auditLayer(task: AuditTask): Promise<Audit> {
  const problems = new Problems()
  const names = new Names(problems, task.isLowest)
  const ending = new ArchiveEnd()
  const { diffId, size, end, problem } = await readMembers(task.recipe, names, (bytes, at) =>
    ending.accept(bytes, at),
  )
  if (problem !== undefined) problems.add(problem)
  else for (const it of ending.problems(size - end)) problems.add(it)
  // Two names may have one hash: what comes twice is told by its name.
  if (names.suspects.size > 0) await readMembers(task.recipe, new Repeated(names.suspects, problems))
  return { diffId, size, members: names.members, problems: problems.list }
}

/** What stands behind the last member: two zero blocks, and zeros. */
class ArchiveEnd {
  private other: number | undefined

  /** @param at where the bytes begin, from the last member's end on */
  accept(bytes: Buffer, at: number): void {
    if (this.other !== undefined) return
    for (let i = Math.max(0, -at); i < bytes.length; i++)
      if (bytes[i] !== 0) {
        this.other = at + i
        return
      }
  }

  *problems(size: number): Generator<string> {
    if (size < 1024) yield `expected two zero blocks at the archive's end, found ${Math.floor(size / 512)}`
    if (this.other !== undefined) yield `expected nothing behind the archive's end, found other bytes`
  }
}

class Problems {
  readonly list: string[] = []
  private others = 0

  add(problem: string): void {
    if (this.list.length < MAX_PROBLEMS) this.list.push(problem)
    else if (this.others++ === 0) this.list.push('and more problems of this layer')
  }
}

const DIRECTORY = 1
const FILE = 2
const LINK = 3
const OTHER = 4
const KINDS: Record<string, number> = { '5': DIRECTORY, '2': LINK, '3': OTHER, '4': OTHER, '6': OTHER }

/** The type flags that engines know (Docker `createTarFile`, containerd `createTarFile`). */
const KNOWN_TYPES = ['0', '\0', '1', '2', '3', '4', '5', '6']
/** What Linux takes, in bytes. */
const LONGEST_PART = 255
const LONGEST_NAME = 4095
/** The last one stands for none (chown(2)). */
const MAX_ID = 2n ** 32n - 2n

class Names implements MemberVisitor {
  members = 0
  /** Hashes that came twice. */
  readonly suspects = new Set<string>()
  private readonly known = new NameTable()
  /** The last directory whose parts were all found to be directories, or unknown. */
  private safe = '/'

  constructor(
    private readonly problems: Problems,
    private readonly isLowest: boolean,
  ) {}

  member(member: Member): void {
    this.members++
    const path = normalisePath(`/${member.name.replace(/^\/+/, '')}`)
    for (const problem of this.fields(member, path)) this.tell(member, problem)
    if (this.members === MAX_MEMBERS + 1)
      this.problems.add(`expected at most ${MAX_MEMBERS} members, found more: others are not compared`)
    // A name that nothing takes may have more parts than there is time for.
    if (this.members <= MAX_MEMBERS && path.length <= LONGEST_NAME) this.place(member, path)
  }

  data(): void {}
  end(): void {}

  private *fields(member: Member, path: string): Generator<string> {
    const { name, type, uid, gid, linkname } = member
    if (!KNOWN_TYPES.includes(type)) yield `expected a type of member that engines know, found "${type}"`
    if (name.split('/').includes('..')) yield 'its name leads out of its directory'
    if (path === '/' && type !== '5') yield `expected the root to be a directory, found type "${type}"`
    if (name.length * 3 > LONGEST_PART) {
      const parts = path.split('/')
      if (Buffer.byteLength(path) > LONGEST_NAME || parts.some((it) => Buffer.byteLength(it) > LONGEST_PART))
        yield 'its name is longer than Linux takes'
    }
    for (const [key, id] of [
      ['user', uid],
      ['group', gid],
    ] as const)
      if (id < 0n || id > MAX_ID) yield `expected a ${key} ID from 0 to ${MAX_ID}, found ${id}`
    if (type === '1' && linkname.split('/').includes('..'))
      yield `its link target "${shorten(linkname)}" leads out of the layer`
    if (type === '2' && linkname === '') yield 'expected a link target, found none'
    yield* this.whiteout(member, path)
  }

  /** "Whiteouts": empty files that hide what lies below. */
  private *whiteout({ type, size }: Member, path: string): Generator<string> {
    const base = path.slice(path.lastIndexOf('/') + 1)
    // Engines pass over what AUFS kept for itself.
    if (!base.startsWith('.wh.') || (base.startsWith('.wh..wh.') && base !== '.wh..wh..opq')) return
    if (this.isLowest) yield 'a whiteout in the lowest layer hides nothing'
    if (base === '.wh.') yield 'expected a whiteout of a name, found one of none'
    if (type !== '0' && type !== '\0') yield `expected a whiteout to be a file, found type "${type}"`
    else if (size > 0) yield `expected a whiteout to be empty, found ${size} bytes`
  }

  private place(member: Member, path: string): void {
    const hash = nameHash(path)
    const before = this.known.get(hash)
    let kind = KINDS[member.type] ?? FILE
    if (member.type === '1') {
      const target = this.known.get(nameHash(normalisePath(`/${member.linkname.replace(/^\/+/, '')}`)))
      if (target === 0)
        this.tell(
          member,
          `expected its link target "${shorten(member.linkname)}" before it in the layer, found none`,
        )
      else if (target === DIRECTORY) this.tell(member, 'a hard link to a directory')
      kind = target === LINK ? LINK : FILE
    }
    // Docker takes no name twice, not even a directory's.
    if (before !== 0) this.suspect(hash)
    this.ancestors(member, path)
    this.known.set(hash, kind)
    if (kind !== DIRECTORY && this.safe.startsWith(`${path}/`)) this.safe = '/'
  }

  /** What is below a link goes where that leads: out of the layer, on some engines. */
  private ancestors(member: Member, path: string): void {
    const directory = path.slice(0, path.lastIndexOf('/'))
    if (directory === this.safe) return
    for (let end = path.indexOf('/', 1); end > 0; end = path.indexOf('/', end + 1)) {
      const kind = this.known.get(nameHash(path.slice(0, end)))
      if (kind !== 0 && kind !== DIRECTORY) {
        const what = kind === LINK ? 'a symbolic link' : 'no directory'
        this.tell(member, `it is below ${shorten(path.slice(1, end))}, which is ${what}`)
        return
      }
    }
    this.safe = directory
  }

  private suspect([low, high]: NameHash): void {
    if (this.suspects.size < MAX_SUSPECTS) this.suspects.add(`${low} ${high}`)
  }

  private tell({ name }: Member, problem: string): void {
    this.problems.add(`${shorten(name)}: ${problem}`)
  }
}

/** Names that come twice. */
class Repeated implements MemberVisitor {
  private readonly seen = new Set<string>()

  constructor(
    private readonly suspects: ReadonlySet<string>,
    private readonly problems: Problems,
  ) {}

  member({ name }: Member): void {
    const path = normalisePath(`/${name.replace(/^\/+/, '')}`)
    const [low, high] = nameHash(path)
    if (!this.suspects.has(`${low} ${high}`)) return
    if (this.seen.has(path)) this.problems.add(`${shorten(name)}: expected it once, found it again`)
    this.seen.add(path)
  }

  data(): void {}
  end(): void {}
}
