/** Changes that many members have in the same way, counted once; others stay with their members. */
import type { FieldChange, LayerChange, MemberChange, SharedChange } from './result.js'

/** Fields that one cause sets for all members: the configuration's owner and time, an umask. */
const SHARED = ['mtime', 'uid', 'gid', 'uname', 'gname', 'mode', 'encoding', 'pax mtime']
/** Of more members than these it is one change. */
const FEW = 8
/** What is listed of members; far more than anybody reads. */
const MAX_LISTED = 100_000
/** Characters of one change; a longer one counts as several. */
const LONG = 512

export class Tally {
  private readonly shared = new Map<string, SharedChange>()
  private listed = 0
  unlisted = 0

  /** What of a change is worth keeping until all are counted. */
  take(change: MemberChange): MemberChange[] {
    const fields = change.fields.filter((field) => this.count(field, change.name))
    if (change.change === 'changed' && fields.length === 0) return []
    if (this.listed >= MAX_LISTED) {
      this.unlisted += Math.max(1, fields.length)
      return []
    }
    // Records of any length are among them.
    this.listed += 1 + Math.floor(lengthOf(change) / LONG)
    return [{ ...change, fields }]
  }

  /** The shared ones, when all are counted. */
  get everywhere(): SharedChange[] {
    return [...this.shared.values()].filter(isShared)
  }

  /** Takes the shared ones from where they are listed. */
  settle(layers: readonly LayerChange[]): void {
    for (const layer of layers)
      for (const path of layer.paths)
        path.differing = path.differing.flatMap((change) => {
          const fields = change.fields.filter((field) => !this.isEverywhere(field))
          return change.change === 'changed' && fields.length === 0 ? [] : [{ ...change, fields }]
        })
  }

  /** @returns whether it may be one of few */
  private count(field: FieldChange, name: string): boolean {
    if (!SHARED.includes(field.field)) return true
    const key = keyOf(field)
    const known = this.shared.get(key)
    if (known === undefined) {
      if (this.shared.size < MAX_LISTED)
        this.shared.set(key, { field: field.field, from: field.from, to: field.to, members: 1, first: name })
      return true
    }
    known.members++
    return !isShared(known)
  }

  private isEverywhere(field: FieldChange): boolean {
    const known = SHARED.includes(field.field) ? this.shared.get(keyOf(field)) : undefined
    return known !== undefined && isShared(known)
  }
}

function isShared({ members }: SharedChange): boolean {
  return members > FEW
}

function lengthOf({ name, fields }: MemberChange): number {
  const lengths = fields.map(({ from, to }) => String(from).length + String(to).length)
  return lengths.reduce((sum, length) => sum + length, name.length)
}

function keyOf({ field, from, to }: FieldChange): string {
  return JSON.stringify([field, from, to])
}
