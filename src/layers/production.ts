/** Archives that threads write into a ring: together, where they are of store paths. */
import { type Digest, fromHex } from '../model/digest.js'
import type { Recipe, StoreRecipe } from '../model/recipe.js'
import { Forsaken, HashingParts } from '../ring/hashing.js'
import { CLAIMED, type RingMemory } from '../ring/layout.js'
import { endParts, Parts } from '../ring/parts.js'
import { PartWriter, RingWriter } from '../ring/writer.js'
import { type ArchiveCursor, seekArchive, writeArchive } from './archive.js'
import { DigestSink, HashingSink } from './checksum.js'
import type { Kept } from './kept.js'
import { writeRecipes } from './recipes.js'

/** Archives to be produced, one after the other. */
export interface Production {
  /** Tells it from others. */
  id: string
  recipes: readonly Recipe[]
  /** Of their archives, in bytes. */
  sizes: readonly number[]
  ring: RingMemory
  /** The number of the slot in which the first one begins. */
  slot: number
  /** Whether it is checked that files are as they were planned. */
  recheck: boolean
  /** Of each recipe's small files, where anything is kept. */
  kept: readonly (Kept | undefined)[]
}

/**
 * Fills the slots of what only one thread can produce.
 * @returns the digest of it all, where it is wanted
 * @throws ImageError as {@link writeRecipes}; ABORTED
 */
export async function produceAlone(
  { recipes, ring, slot }: Production,
  isHashed: boolean,
): Promise<Digest | undefined> {
  const writer = new RingWriter(ring, slot)
  const hashing = isHashed ? new HashingSink(writer) : undefined
  await writeRecipes(recipes, hashing ?? writer)
  return hashing?.digest()
}

/** Whether several threads can produce it at once: not where the one that reads takes the digest. */
export function isShared({ recipes }: Pick<Production, 'recipes'>, isHashed: boolean): boolean {
  return !isHashed && recipes.every(({ kind }) => kind === 'store')
}

/**
 * Fills slots of a shared production, beside other threads, until all have somebody who fills them.
 * @param mayLeave whether it ends before when those who help are wanted elsewhere
 * @throws ImageError FILE_CHANGED, FILE_UNREADABLE; ABORTED
 */
export function produce(production: Production, mayLeave = false): undefined {
  const { id, recipes, sizes, ring, slot, recheck, kept } = production
  if (mayLeave) comeNear(production)
  const writer = new PartWriter(ring, new Parts(sizes, slot), mayLeave)
  for (let next = writer.next(); next !== undefined; next = writer.next()) {
    const { plan, owner } = storeRecipe(recipes, next)
    const from = seek(production, next, writer.start)
    latest = {
      key: `${id} ${next}`,
      cursor: writeArchive(plan, owner, writer, { recheck, kept: kept[next] }, from),
    }
  }
}

/** Passes over most of what others have done, before it has a part that others wait for. */
function comeNear(production: Production): void {
  const part = new Parts(production.sizes, production.slot).at(Atomics.load(production.ring.control, CLAIMED))
  if (part === undefined) return
  const cursor = seek(production, part.archive, part.start)
  if (cursor !== undefined) latest = { key: `${production.id} ${part.archive}`, cursor }
}

/** Where this thread was: when it comes back, less has to be passed over. */
let latest: { key: string; cursor: ArchiveCursor } | undefined

function seek({ id, recipes }: Production, archive: number, start: number): ArchiveCursor | undefined {
  const { plan, owner } = storeRecipe(recipes, archive)
  const known = latest?.key === `${id} ${archive}` ? latest.cursor : undefined
  return seekArchive(plan, owner, start, known)
}

function storeRecipe(recipes: readonly Recipe[], archive: number): StoreRecipe {
  const recipe = recipes[archive]!
  if (recipe.kind !== 'store') throw new TypeError('expected archives of store paths')
  return recipe
}

/**
 * The digest of the one archive of a shared production, which is announced. This thread hashes, and reads what nobody
 * has read.
 * @returns whether what was hashed is kept, too
 * @throws ImageError FILE_CHANGED, FILE_UNREADABLE
 */
export function hashTogether(production: Production): { diffId: Digest; isKept: boolean } {
  const { recipes, sizes, ring, slot, recheck, kept } = production
  const { plan, owner } = storeRecipe(recipes, 0)
  try {
    const sink = new HashingParts(ring, new Parts(sizes, slot), sizes[0]!, slot)
    writeArchive(plan, owner, sink, { recheck, kept: kept[0] })
    return { diffId: fromHex(sink.digest()), isKept: true }
  } catch (error) {
    if (!(error instanceof Forsaken)) throw error
    endParts(ring)
    // What a helper failed with, this thread will, too, unless it is the helper's own. One may still be at what is kept.
    const sink = new DigestSink()
    writeArchive(plan, owner, sink, { recheck })
    return { diffId: sink.digest(), isKept: false }
  } finally {
    endParts(ring)
  }
}
