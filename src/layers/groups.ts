/** Groups of a layer's members: a group is a store path, or what is elsewhere below one directory of the root. */
import { ImageError } from '../errors.js'
import type { Digest } from '../model/digest.js'
import { normalisePath } from '../python/paths.js'
import { type DirectorySum, DirectorySums } from './directories.js'
import { type Entry, Kind, readPlan } from './plan.js'

export interface Group {
  /** `/nix/store/…-name`, `/etc`, or `/` for the root and the directories above store paths. */
  path: string
  members: number
  /** Of its files' contents. */
  bytes: number
  /** Of its members' headers and contents, in their order; where it was asked for. */
  digest?: Digest
  /** The largest below it, where they were asked for. */
  directories?: readonly DirectorySum[]
}

/** The most that are kept: what an image has of them is bounded by nothing else. */
const MAX_GROUPS = 200_000

/** The sums of a plan, without reading a file. @param directories whether groups get those of directories too */
export function groupsOfPlan(plan: Uint8Array, storeDir: string, directories = false): Group[] {
  const groups = new Map<string, Group>()
  const sums = directories ? new DirectorySums() : undefined
  let root = '/'
  readPlan(plan, (entry: Readonly<Entry>, path) => {
    if (entry.depth === 0) root = groupOf(path, storeDir)
    // What is below a path of a group belongs to the same one, but for the root's.
    const group = root === '/' ? groupOf(path, storeDir) : root
    const bytes = entry.kind === Kind.file ? entry.size : 0
    count(groups, group, bytes)
    sums?.add(group, path, bytes)
    return true
  })
  addDirectories(groups, sums)
  return [...groups.values()]
}

export function addDirectories(groups: ReadonlyMap<string, Group>, sums: DirectorySums | undefined): void {
  for (const [path, directories] of sums?.finish() ?? []) groups.get(path)!.directories = directories
}

/** @param name of a member, or a path */
export function groupOf(name: string, storeDir: string): string {
  const path = absolute(name)
  if (path.startsWith(`${storeDir}/`)) {
    const end = path.indexOf('/', storeDir.length + 1)
    return end < 0 ? path : path.slice(0, end)
  }
  if (storeDir === path || storeDir.startsWith(`${path}/`)) return '/'
  const end = path.indexOf('/', 1)
  return end < 0 ? path : path.slice(0, end)
}

/** A member's name as a path from the root. */
export function absolute(name: string): string {
  return normalisePath(`/${name.replace(/^\/+/, '')}`)
}

/** Adds a member to its group. @param bytes of its contents */
export function count(groups: Map<string, Group>, path: string, bytes: number): void {
  const group = groups.get(path)
  if (group === undefined) {
    if (groups.size >= MAX_GROUPS) throw new TooMany('directories and store paths', MAX_GROUPS)
    groups.set(path, { path, members: 1, bytes })
  } else {
    group.members++
    group.bytes += bytes
  }
}

/** An image has more of something than can be kept. */
export class TooMany extends ImageError {
  constructor(what: string, limit: number) {
    super('IMAGE_INVALID', `expected at most ${limit} ${what} in a layer, found more`)
  }
}
