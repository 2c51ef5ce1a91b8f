/**
 * What is in a layer, found by reading its archive once: sums for each group of members, and the members of groups that
 * are asked for.
 */
import { createHash, type Hash, hash } from 'node:crypto'
import { type Digest, fromHex } from '../model/digest.js'
import type { Member } from '../model/member.js'
import type { Recipe } from '../model/recipe.js'
import { DirectorySums } from './directories.js'
import { absolute, addDirectories, count, type Group, groupOf } from './groups.js'
import { type LargeFile, LargeFiles } from './large-files.js'
import { type FoundMember, MemberPacker, type PackedMembers } from './packed-members.js'
import { type ReadMembers, readMembers } from './read-members.js'
import { type Rewrite, Rewrites } from './rewriter.js'

export interface ContentsTask {
  recipe: Recipe
  /** The directory of store paths: `/nix/store`. */
  storeDir: string
  /** Whether groups get digests. */
  digests?: boolean
  /** Whether groups get the sums of directories, and larger files digests. */
  detailed?: boolean
  /** Groups whose members are wanted. */
  members?: readonly string[]
  /** What these may take, in bytes; default: {@link ROOM}. */
  room?: number
  /** Of those, only members of this type. */
  type?: string
  /** Names of store paths that are read as others in these members. */
  rewrites?: readonly Rewrite[]
}

export interface LayerContents extends ReadMembers {
  /** In the order of their first members. */
  groups: Group[]
  /** Of the groups that were asked for, in the archive's order. */
  members: PackedMembers
  /** The larger ones, in the archive's order; where they were asked for. */
  files?: readonly LargeFile[]
}

/** For some 300,000 members of the usual length. */
const ROOM = 96 << 20

/** @throws ImageError as {@link readMembers} */
export async function readContents(task: ContentsTask): Promise<LayerContents> {
  const found = new Contents(task)
  const read = await readMembers(task.recipe, found)
  return { ...found.finish(), ...read }
}

/** What it sees of an archive's members. */
class Contents {
  private readonly groups = new Map<string, Group>()
  private readonly members: MemberPacker
  private readonly digests = new Map<string, Digest>()
  private readonly wanted: ReadonlySet<string>
  private readonly sums: DirectorySums | undefined
  private readonly files: LargeFiles | undefined
  /** Of the group that the member belongs to, since another group's member. */
  private running: { path: string; hash: Hash } | undefined
  /** The member under way, where it is wanted. */
  private open: Open | undefined
  private readonly rewrites: Rewrites | undefined

  constructor(private readonly task: ContentsTask) {
    this.wanted = new Set(task.members)
    this.members = new MemberPacker(task.members ?? [], task.room ?? ROOM)
    this.rewrites = task.rewrites && new Rewrites(task.rewrites)
    if (!task.detailed) return
    this.sums = new DirectorySums()
    this.files = new LargeFiles()
  }

  member(member: Member, offset: number, size: number, headers: Buffer): void {
    const group = groupOf(member.name, this.task.storeDir)
    count(this.groups, group, size)
    if (this.task.detailed) this.detail(group, absolute(member.name), size)
    if (this.task.digests) {
      if (this.running?.path !== group) this.change(group)
      // Global records are in the headers of other members.
      this.running!.hash.update(textOf(member)).update(headers)
    }
    if (!this.wanted.has(group) || (this.task.type ?? member.type) !== member.type) return
    const found: FoundMember = {
      ...{ group, member, digest: undefined, offset },
      headers: { digest: hash('sha256', headers, 'base64'), size: headers.length },
    }
    this.open = this.opened(found, size)
  }

  private detail(group: string, path: string, size: number): void {
    this.sums?.add(group, path, size)
    this.files?.member(path, size)
  }

  data(bytes: Buffer): void {
    this.running?.hash.update(bytes)
    this.files?.data(bytes)
    this.open?.accept(bytes)
  }

  end(): void {
    this.files?.end()
    this.open?.finish()
    this.open = undefined
  }

  finish(): Pick<LayerContents, 'groups' | 'members' | 'files'> {
    this.change(undefined)
    // One that is cut short.
    this.open?.finish()
    for (const [path, digest] of this.digests) this.groups.get(path)!.digest = digest
    addDirectories(this.groups, this.sums)
    const { members, files } = this
    return {
      groups: [...this.groups.values()],
      members: members.finish(),
      ...(files === undefined ? {} : { files: files.found }),
    }
  }

  /** What takes a member's contents, and then keeps the member. */
  private opened(found: FoundMember, size: number): Open {
    const { rewrites } = this
    let digest: Hash | undefined
    const update = (bytes: Buffer): void => {
      // What comes whole needs no state of its own, which would wait for the next collection of garbage.
      if (bytes.length === 0) return
      if (bytes.length === size) found.digest = fromHex(hash('sha256', bytes, 'hex'))
      else {
        digest ??= createHash('sha256')
        digest.update(bytes)
      }
    }
    const seal = (): void => {
      if (digest !== undefined) found.digest = fromHex(digest.digest('hex'))
      this.members.add(found)
    }
    if (rewrites === undefined) return { accept: update, finish: seal }
    const { name, linkname } = found.member
    const by = new Set<number>()
    found.member = rewriteFields(found.member, (text) => rewrites.text(text, by))
    const stream = rewrites.stream(by, update)
    return {
      accept: stream.accept,
      finish: () => {
        stream.finish()
        if (by.size > 0) found.rewritten = { by: [...by], name, linkname }
        seal()
      },
    }
  }

  /** Only one digest is under way: members of a group that comes again are added to what it had. */
  private change(path: string | undefined): void {
    if (this.running !== undefined) {
      const { path: before, hash } = this.running
      hash.update(this.digests.get(before) ?? '')
      this.digests.set(before, fromHex(hash.digest('hex')))
    }
    this.running = path === undefined ? undefined : { path, hash: createHash('sha256') }
  }
}

/** A member whose contents go by. */
interface Open {
  accept(bytes: Buffer): void
  finish(): void
}

function rewriteFields(member: Member, rewrite: (text: string) => string): Member {
  const { pax } = member
  const fields = { ...member, name: rewrite(member.name), linkname: rewrite(member.linkname) }
  return pax === undefined
    ? fields
    : { ...fields, pax: new Map([...pax].map(([key, value]) => [key, rewrite(value)])) }
}

/** All fields of a member, each in its place. */
function textOf({ pax, ...fields }: Member): string {
  const text = (_: string, value: unknown): unknown => (typeof value === 'bigint' ? String(value) : value)
  return JSON.stringify([fields, [...(pax ?? [])]], text)
}
