/** The second pass over layers that differ: members of paths that differ, a bounded number of them at once. */
import type { FoundMember } from '../layers/contents.js'
import type { Rewrite } from '../layers/rewriter.js'
import { FirstByte } from './first-byte.js'
import { compareMembers, type DifferingContents } from './members.js'
import type { GroupAt, PathPair } from './paths.js'
import type { ReadLayer, Side } from './side.js'
import { storeName } from './store-names.js'
import type { Tally } from './tally.js'

/** Members at once, of both images: with what is on its way between threads they take 200 MB. */
const AT_ONCE = 40_000
/** Files of which it is looked up where they differ. */
const MAX_LOOKED_UP = 2000

export class MemberComparison {
  private readonly bytes = new FirstByte()
  private rewrites: Rewrite[] = []
  /** By rewrite: the new path. */
  private renamed: string[] = []
  private lookedUp = 0

  constructor(
    private readonly from: Side,
    private readonly to: Side,
    private readonly layers: {
      before: ReadonlyMap<number, ReadLayer>
      after: ReadonlyMap<number, ReadLayer>
    },
    private readonly tally: Tally,
  ) {}

  /** Completes the changes of the pairs. */
  async run(pairs: readonly PathPair[]): Promise<void> {
    const replaced = pairs.filter(({ change }) => change.change === 'replaced')
    this.rewrites = replaced.map(({ from, to }) => ({ from: baseOf(to), to: baseOf(from) }))
    this.renamed = replaced.map(({ to }) => to.group.path)
    let batch: PathPair[] = []
    let members = 0
    for (const pair of pairs.toSorted((a, b) => a.to.layer - b.to.layer || a.from.layer - b.from.layer)) {
      const count = pair.from.group.members + pair.to.group.members
      if (count > AT_ONCE) pair.change.isTooLarge = true
      else {
        if (members + count > AT_ONCE) {
          await this.compare(batch)
          batch = []
          members = 0
        }
        batch.push(pair)
        members += count
      }
    }
    await this.compare(batch)
  }

  private async compare(batch: readonly PathPair[]): Promise<void> {
    const [before, after] = await Promise.all([
      this.read(this.from, batch, ({ from }) => from),
      this.read(this.to, batch, ({ to }) => to, this.rewrites),
    ])
    for (const pair of batch) {
      const { from, to, change } = pair
      const found = compareMembers(before.get(keyOf(from)) ?? [], after.get(keyOf(to)) ?? [])
      const own = this.renamed.indexOf(to.group.path)
      const mentions = [...found.rewritten].filter((index) => index !== own).sort((a, b) => a - b)
      if (mentions.length > 0) change.mentions = mentions.map((index) => this.renamed[index]!)
      if (found.isReordered) change.isReordered = true
      for (const contents of found.contents) await this.lookUp(pair, contents)
      change.differing = this.tally.take(found.changes)
    }
  }

  /** The members of paths in a batch, by layer and path. */
  private async read(
    side: Side,
    batch: readonly PathPair[],
    of: (pair: PathPair) => GroupAt,
    rewrites?: readonly Rewrite[],
  ): Promise<Map<string, FoundMember[]>> {
    const wanted = new Map<number, string[]>()
    for (const { layer, group } of batch.map(of))
      wanted.set(layer, [...(wanted.get(layer) ?? []), group.path])
    const found = new Map<string, FoundMember[]>()
    const reading = [...wanted].map(async ([layer, members]) => {
      const contents = await side.contents(layer, { members, ...(rewrites?.length ? { rewrites } : {}) })
      for (const member of contents.members) {
        const key = `${layer} ${member.group}`
        const list = found.get(key)
        if (list === undefined) found.set(key, [member])
        else list.push(member)
      }
    })
    await Promise.all(reading)
    return found
  }

  private async lookUp({ from, to }: PathPair, contents: DifferingContents): Promise<void> {
    if (this.lookedUp++ >= MAX_LOOKED_UP) return
    const { before, after } = this.layers
    const bytesOf = (side: Side, layer: number, { size: archive }: ReadLayer, found: FoundMember) => ({
      ...{ side, layer, archive, size: found.member.size },
      offset: found.offset + found.headers.size,
    })
    const offset = await this.bytes.find(
      bytesOf(this.from, from.layer, before.get(from.layer)!, contents.from),
      bytesOf(this.to, to.layer, after.get(to.layer)!, contents.to),
      this.rewrites,
    )
    if (offset !== undefined) contents.change.offset = offset
  }
}

function keyOf({ layer, group }: GroupAt): string {
  return `${layer} ${group.path}`
}

/** `HASH-name` */
function baseOf({ group }: GroupAt): string {
  const { hash, name } = storeName(group.path)!
  return `${hash}-${name}`
}
