/** Sums of the directories below store paths, as many as are worth showing: the others are in those above them. */

/** A directory, with all that is below it. */
export interface DirectorySum {
  /** Below its group: `share/locale`. */
  path: string
  members: number
  /** Of its files' contents. */
  bytes: number
}

/** Components below the group. */
const MAX_DEPTH = 6
/** Directories that are looked at: ten times what the largest layers have. */
const MAX_LOOKED_AT = 200_000
/** Of a layer, those with the most in them are kept, when they have this part of it. */
const MAX_KEPT = 400
const LEAST_PART = 1 / 1000

interface Open extends DirectorySum {
  group: string
  parent: Open | undefined
}

export class DirectorySums {
  /** By path. Each comes behind those above it. */
  private readonly directories = new Map<string, Open>()
  private total = 0
  /** Members of a directory mostly come one after the other. */
  private last: { path: string; open: Open | undefined } = { path: '', open: undefined }

  /** @param path of a member of the group, without `.` and `..` */
  add(group: string, path: string, bytes: number): void {
    this.total += bytes
    const above = path.slice(0, path.lastIndexOf('/'))
    if (above !== this.last.path) this.last = { path: above, open: this.open(group, above) }
    const { open } = this.last
    if (open === undefined) return
    open.members++
    open.bytes += bytes
  }

  /** @returns by group; each directory behind those above it */
  finish(): ReadonlyMap<string, DirectorySum[]> {
    const all = [...this.directories.values()]
    for (const { parent, members, bytes } of all.reverse()) {
      if (parent === undefined) continue
      parent.members += members
      parent.bytes += bytes
    }
    const kept = all
      .reverse()
      .filter(({ bytes }) => bytes > 0 && bytes >= this.total * LEAST_PART)
      .sort((a, b) => b.bytes - a.bytes)
      .slice(0, MAX_KEPT)
    const byGroup = new Map<string, DirectorySum[]>()
    for (const { group, path, members, bytes } of kept) {
      const found = byGroup.get(group)
      if (found === undefined) byGroup.set(group, [{ path, members, bytes }])
      else found.push({ path, members, bytes })
    }
    return byGroup
  }

  /** The directory, or the lowest one above it that is kept; undefined for the group itself. */
  private open(group: string, path: string): Open | undefined {
    const below = group === '/' ? '/' : `${group}/`
    if (!path.startsWith(below)) return undefined
    const found = this.directories.get(path)
    if (found !== undefined) return found
    let parent: Open | undefined
    let end = below.length
    for (let depth = 0; depth < MAX_DEPTH && end <= path.length; depth++) {
      const next = path.indexOf('/', end)
      const to = next < 0 ? path.length : next
      const name = path.slice(0, to)
      let open = this.directories.get(name)
      if (open === undefined) {
        if (this.directories.size >= MAX_LOOKED_AT) return parent
        open = { group, parent, path: name.slice(below.length), members: 0, bytes: 0 }
        this.directories.set(name, open)
      }
      parent = open
      end = to + 1
    }
    return parent
  }
}
