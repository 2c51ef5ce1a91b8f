/** Archives that simulated threads write together into a ring, as `src/ring` has it: parts of a few slots, claimed in order. */
import { SLOT_BYTES, SLOTS } from '../../src/ring/layout.js'
import { PART_BYTES } from '../../src/ring/parts.js'
import type { Process } from './machine.js'

export class Ring {
  /** The number of the slot that is taken next. */
  read = 0
  private readonly filled = new Set<number>()

  isFilled(slot: number): boolean {
    return this.filled.has(slot)
  }

  hasRoom(slot: number): boolean {
    return slot - this.read < SLOTS
  }

  fill(slot: number): void {
    this.filled.add(slot)
  }

  release(): void {
    this.filled.delete(this.read++)
  }
}

export interface Part {
  /** The number of its first slot. */
  slot: number
  /** CPU seconds that each of its slots takes to fill. */
  slots: number[]
}

/** An archive of so many bytes, and the CPU seconds that it takes to read. */
export interface Archive {
  bytes: number
  seconds: number
}

export class Production {
  private claimed = 0
  /** How many threads are at it. */
  workers = 0

  constructor(
    readonly ring: Ring,
    private readonly parts: readonly Part[],
  ) {}

  /** How many parts nobody has claimed yet. */
  get left(): number {
    return this.parts.length - this.claimed
  }

  next(): Part | undefined {
    return this.parts[this.claimed]
  }

  claim(): Part | undefined {
    return this.parts[this.claimed++]
  }

  /** A thread fills parts until none is left. @param leaves whether it is wanted elsewhere */
  *fill(leaves: () => boolean): Process {
    const { ring } = this
    this.workers++
    while (this.left > 0 && !leaves()) {
      const part = this.claim()!
      for (const [i, seconds] of part.slots.entries()) {
        const slot = part.slot + i
        yield { until: () => ring.hasRoom(slot) }
        yield seconds
        ring.fill(slot)
      }
    }
    this.workers--
  }
}

/** Cuts archives into parts. What an archive takes is spread evenly over its bytes. @param slot the number of the first slot */
export function partsOf(archives: readonly Archive[], slot: number): Part[] {
  const parts: Part[] = []
  let next = slot
  for (const { bytes, seconds } of archives)
    for (let at = 0; at < bytes; at += PART_BYTES) {
      const slots = slotSizes(Math.min(PART_BYTES, bytes - at)).map((size) => (seconds * size) / bytes)
      parts.push({ slot: next, slots })
      next += slots.length
    }
  return parts
}

/** How many bytes are in each slot. */
export function slotSizes(bytes: number): number[] {
  const count = Math.ceil(bytes / SLOT_BYTES)
  return Array.from({ length: count }, (_, i) => Math.min(SLOT_BYTES, bytes - i * SLOT_BYTES))
}
