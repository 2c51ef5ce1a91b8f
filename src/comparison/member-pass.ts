/** The second pass over layers that differ: members of paths that differ, a bounded number of them at once. */
import { type FoundMember, unpackMembers } from '../layers/packed-members.js'
import type { Rewrite } from '../layers/rewriter.js'
import { FirstByte } from './first-byte.js'
import { compareMembers, type DifferingContents, type MemberList } from './members.js'
import type { GroupAt, PathPair } from './paths.js'
import type { ReadLayer, Side } from './side.js'
import { storeName } from './store-names.js'
import type { Tally } from './tally.js'

/** Members at once, of both images: they take 100 MB, with their names. */
const AT_ONCE = 204_800
/** Members in all, of both images: for every {@link AT_ONCE} of them layers are read once more. */
const MOST = 2 * AT_ONCE
/** What a path takes besides its members. */
const PER_PATH = 64
/** Bytes of a member on its way between threads, four times the usual. */
const ROOM = 1024
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
    let [members, all] = [0, 0]
    for (const pair of pairs.toSorted((a, b) => a.to.layer - b.to.layer || a.from.layer - b.from.layer)) {
      const count = sizeOf(pair.from) + sizeOf(pair.to)
      if (count > AT_ONCE || all + count > MOST) pair.change.isTooLarge = true
      else {
        all += count
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
      const [a, b] = [before.get(keyOf(from)), after.get(keyOf(to))]
      if (a?.packed.areAll === false || b?.packed.areAll === false) {
        change.isTooLarge = true
        continue
      }
      const wanted = MAX_LOOKED_UP - this.lookedUp
      const found = compareMembers(a, b, wanted, (it) => void change.differing.push(...this.tally.take(it)))
      const own = this.renamed.indexOf(to.group.path)
      const mentions = [...found.rewritten].filter((index) => index !== own).sort((a, b) => a - b)
      if (mentions.length > 0) change.mentions = mentions.map((index) => this.renamed[index]!)
      if (found.isReordered) change.isReordered = true
      for (const contents of found.contents) await this.lookUp(pair, contents)
    }
  }

  /** The members of paths in a batch, by layer and path. */
  private async read(
    side: Side,
    batch: readonly PathPair[],
    of: (pair: PathPair) => GroupAt,
    rewrites?: readonly Rewrite[],
  ): Promise<Map<string, MemberList>> {
    const wanted = new Map<number, GroupAt[]>()
    for (const at of batch.map(of)) {
      const places = wanted.get(at.layer)
      if (places === undefined) wanted.set(at.layer, [at])
      else places.push(at)
    }
    const found = new Map<string, MemberList>()
    const reading = [...wanted].map(async ([layer, places]) => {
      const members = places.map(({ group }) => group.path)
      const room = ROOM * places.reduce((sum, at) => sum + sizeOf(at), 0)
      const task = { members, room, ...(rewrites?.length ? { rewrites } : {}) }
      const { members: packed } = await side.contents(layer, task)
      for (const path of members) found.set(`${layer} ${path}`, { packed, places: [] })
      for (const [place, { group }] of unpackMembers(packed))
        found.get(`${layer} ${group}`)!.places.push(place)
    })
    await Promise.all(reading)
    return found
  }

  private async lookUp({ from, to }: PathPair, contents: DifferingContents): Promise<void> {
    this.lookedUp++
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

function sizeOf({ group: { members } }: GroupAt): number {
  return PER_PATH + members
}

function keyOf({ layer, group }: GroupAt): string {
  return `${layer} ${group.path}`
}

/** `HASH-name` */
function baseOf({ group }: GroupAt): string {
  const { hash, name } = storeName(group.path)!
  return `${hash}-${name}`
}
