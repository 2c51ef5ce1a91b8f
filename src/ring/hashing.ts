/** The digest of an archive that other threads may help to read: this one hashes, and reads what nobody has read yet. */
import { createHash } from 'node:crypto'
import {
  CLAIMED,
  CLOSED,
  filledOf,
  fillSlot,
  isFilled,
  LOOK_EVERY,
  lengthOf,
  READ,
  type RingMemory,
  releaseSlot,
  SLOT_BYTES,
  SLOTS,
  STARVED,
  slotBuffers,
} from './layout.js'
import { type Part, type Parts, slotsOf } from './parts.js'

/** Somebody who helped has failed, and left a part unfilled. */
export class Forsaken extends Error {}

/** A sink for the one archive of a production. */
export class HashingParts {
  private readonly hash = createHash('sha256')
  private readonly slots: Buffer[]
  private readonly control: Int32Array
  /** The part that this thread fills. */
  private part: Part | undefined
  private filled = 0
  /** The number of the slot that is hashed next. */
  private hashed: number
  private readonly end: number

  /** @param size of the archive, in bytes @param slot the number of its first slot */
  constructor(
    memory: RingMemory,
    private readonly parts: Parts,
    size: number,
    slot: number,
  ) {
    this.control = memory.control
    this.slots = slotBuffers(memory)
    this.hashed = slot
    this.end = slot + slotsOf(size)
  }

  /** Where in the archive the buffer lent last begins; infinity when all parts have somebody who fills them. */
  get start(): number {
    return this.part === undefined ? Number.POSITIVE_INFINITY : this.part.start + this.filled * SLOT_BYTES
  }

  /** @throws Forsaken */
  lend(): Buffer {
    const { control, parts } = this
    for (this.hashFilled(); this.part === undefined; this.hashFilled()) {
      const index = Atomics.load(control, CLAIMED)
      const next = parts.at(index)
      if (next === undefined) break
      // What another is filling comes sooner than a part is read here, unless it is made up of many files.
      if (next.slot !== this.hashed && this.awaitFilled(SOON)) continue
      if (next.slot + next.slots - this.hashed > SLOTS) this.awaitFilled()
      else if (Atomics.compareExchange(control, CLAIMED, index, index + 1) === index) this.part = next
    }
    return this.buffer()
  }

  accept(used: number): void {
    const slot = this.part!.slot + this.filled
    if (slot === this.hashed) {
      this.hash.update(own.subarray(0, used))
      this.release()
    } else {
      fillSlot(this.control, slot, used)
    }
    if (++this.filled === this.part!.slots) {
      this.part = undefined
      this.filled = 0
    }
  }

  /** Hashes what others are still filling. @returns the digest in hexadecimal digits @throws Forsaken */
  digest(): string {
    for (this.hashFilled(); this.hashed < this.end; this.hashFilled()) this.awaitFilled()
    return this.hash.digest('hex')
  }

  /** What is hashed at once stays in the cache between reading and hashing. */
  private buffer(): Buffer {
    if (this.part === undefined) return own
    const slot = this.part.slot + this.filled
    return slot === this.hashed ? own : this.slots[slot % SLOTS]!
  }

  private hashFilled(): void {
    while (this.hashed < this.end && isFilled(this.control, this.hashed)) {
      this.hash.update(this.slots[this.hashed % SLOTS]!.subarray(0, this.control[lengthOf(this.hashed)]!))
      this.release()
    }
  }

  private release(): void {
    this.hashed++
    releaseSlot(this.control)
  }

  /** @returns whether the slot that is hashed next is filled */
  private awaitFilled(milliseconds = LOOK_EVERY): boolean {
    const { control, hashed } = this
    const at = filledOf(hashed)
    Atomics.store(control, STARVED, 1)
    const found = Atomics.load(control, at)
    if (Atomics.load(control, CLOSED) === 1) throw new Forsaken()
    if (found !== hashed + 1) Atomics.wait(control, at, found, milliseconds)
    Atomics.store(control, STARVED, 0)
    return isFilled(control, hashed)
  }
}

/** Milliseconds. */
const SOON = 0.3

/** Ends a production: who waits for a part that nobody fills any more no longer does, and who fills parts stops. */
export function forsake({ control }: RingMemory): void {
  Atomics.store(control, CLOSED, 1)
  Atomics.notify(control, READ)
  for (let slot = 0; slot < SLOTS; slot++) Atomics.notify(control, filledOf(slot))
}

/** One for the thread. */
const own = Buffer.allocUnsafeSlow(SLOT_BYTES)
