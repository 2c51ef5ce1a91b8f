import { ImageError } from '../errors.js'
import {
  BLOCKED,
  CLAIMED,
  CLOSED,
  fillSlot,
  LEAVE,
  LOOK_EVERY,
  READ,
  type RingMemory,
  SLOT_BYTES,
  SLOTS,
  slotBuffers,
} from './layout.js'
import type { Part, Parts } from './parts.js'

/** Fills slots, each of which one thread alone may fill. */
class SlotFiller {
  private readonly slots: Buffer[]
  readonly control: Int32Array

  constructor(memory: RingMemory) {
    this.control = memory.control
    this.slots = slotBuffers(memory)
  }

  /**
   * Waits until the slot is free.
   * @throws ImageError ABORTED when the reader has closed the ring
   */
  lend(slot: number): Buffer {
    const { control } = this
    for (;;) {
      if (Atomics.load(control, CLOSED) === 1)
        throw new ImageError('ABORTED', 'the image is no longer wanted')
      const read = Atomics.load(control, READ)
      if (slot - read < SLOTS) return this.slots[slot % SLOTS]!
      Atomics.add(control, BLOCKED, 1)
      Atomics.wait(control, READ, read, LOOK_EVERY)
      Atomics.sub(control, BLOCKED, 1)
    }
  }

  accept(slot: number, used: number): void {
    fillSlot(this.control, slot, used)
  }
}

/** Fills all slots from one on: what comes is one thread's alone. */
export class RingWriter {
  private readonly filler: SlotFiller

  /** @param slot the number of the first */
  constructor(
    memory: RingMemory,
    private slot: number,
  ) {
    this.filler = new SlotFiller(memory)
  }

  /** @throws ImageError as {@link SlotFiller.lend} */
  lend(): Buffer {
    return this.filler.lend(this.slot)
  }

  accept(used: number): void {
    this.filler.accept(this.slot++, used)
  }
}

/** Fills parts that this thread has claimed, as others do. A sink for one archive after the other. */
export class PartWriter {
  private readonly filler: SlotFiller
  private part: Part | undefined
  /** How many of the part's slots are filled. */
  private filled = 0
  private archive = 0

  /** @param mayLeave whether it claims nothing more when those who help are wanted elsewhere */
  constructor(
    memory: RingMemory,
    private readonly parts: Parts,
    private readonly mayLeave: boolean,
  ) {
    this.filler = new SlotFiller(memory)
    this.claim()
  }

  /** Which archive is to be written next, undefined when nothing is left. */
  next(): number | undefined {
    if (this.part === undefined) return undefined
    this.archive = this.part.archive
    return this.archive
  }

  /** Where in the archive the buffer lent last begins; infinity when nothing is left of this archive. */
  get start(): number {
    return this.part?.archive === this.archive
      ? this.part.start + this.filled * SLOT_BYTES
      : Number.POSITIVE_INFINITY
  }

  lend(): Buffer {
    const { part, archive, filled } = this
    return part?.archive === archive ? this.filler.lend(part.slot + filled) : NOTHING
  }

  accept(used: number): void {
    const { part } = this
    this.filler.accept(part!.slot + this.filled, used)
    if (++this.filled === part!.slots) this.claim()
  }

  private claim(): void {
    const { control } = this.filler
    this.filled = 0
    const leaves = this.mayLeave && Atomics.load(control, LEAVE) === 1
    this.part = leaves ? undefined : this.parts.at(Atomics.add(control, CLAIMED, 1))
  }
}

/** Lent when nothing is wanted. */
const NOTHING = Buffer.alloc(0)
