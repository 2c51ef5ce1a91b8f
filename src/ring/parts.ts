/**
 * Who fills which slots: archives that follow each other are cut into parts of a few slots, and whoever has nothing to fill
 * claims the next part. No slot holds bytes of two archives.
 */
import { CLAIMED, PARTS, type RingMemory, SLOT_BYTES } from './layout.js'

/** Slots of a part: a file that lies across its end is opened twice, so it is not small. */
const PART_SLOTS = 4
export const PART_BYTES = PART_SLOTS * SLOT_BYTES

export interface Part {
  /** Of the archives, which. */
  archive: number
  /** Where in the archive it begins, in bytes. */
  start: number
  /** The number of its first slot. */
  slot: number
  slots: number
}

/** How many slots an archive of so many bytes takes. */
export function slotsOf(size: number): number {
  return Math.ceil(size / SLOT_BYTES)
}

function partsOf(size: number): number {
  return Math.ceil(size / PART_BYTES)
}

/** Says that archives are to be produced, before anyone claims a part of them. */
export function announceParts({ control }: RingMemory, sizes: readonly number[]): void {
  const count = sizes.reduce((sum, size) => sum + partsOf(size), 0)
  Atomics.store(control, CLAIMED, 0)
  Atomics.store(control, PARTS, count)
}

/** Says that there is nothing left to claim. */
export function endParts({ control }: RingMemory): void {
  Atomics.store(control, PARTS, 0)
}

/** Bytes that nobody has claimed yet. */
export function unclaimedBytes({ control }: RingMemory): number {
  return (Atomics.load(control, PARTS) - Atomics.load(control, CLAIMED)) * PART_BYTES
}

/** One thread's view of the parts, which it asks for in their order. */
export class Parts {
  /** The archive in which the part lies that was asked for last, and what lies before it. */
  private archive = 0
  private before = { parts: 0, slots: 0 }

  /**
   * @param sizes of the archives, in bytes
   * @param slot the number of the first archive's first slot
   */
  constructor(
    private readonly sizes: readonly number[],
    private readonly slot: number,
  ) {}

  /** @param index not less than before @returns undefined behind the last */
  at(index: number): Part | undefined {
    for (; this.archive < this.sizes.length; this.archive++) {
      const size = this.sizes[this.archive]!
      const inside = index - this.before.parts
      if (inside < partsOf(size)) {
        const slot = inside * PART_SLOTS
        return {
          archive: this.archive,
          start: inside * PART_BYTES,
          slot: this.slot + this.before.slots + slot,
          slots: Math.min(PART_SLOTS, slotsOf(size) - slot),
        }
      }
      this.before = { parts: this.before.parts + partsOf(size), slots: this.before.slots + slotsOf(size) }
    }
    return undefined
  }
}
