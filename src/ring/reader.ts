import {
  CLOSED,
  filledOf,
  isFilled,
  lengthOf,
  READ,
  type RingMemory,
  releaseSlot,
  SLOTS,
  STARVED,
  slotBuffers,
} from './layout.js'

/** The taking side of a ring, on a thread that must not block. */
export class RingReader {
  private readonly slots: Buffer[]
  private readonly control: Int32Array

  constructor(memory: RingMemory) {
    this.control = memory.control
    this.slots = slotBuffers(memory)
  }

  /** The bytes of the slot that is next, valid until {@link release}; undefined while it is not filled. */
  peek(): Buffer | undefined {
    const slot = this.control[READ]!
    if (!isFilled(this.control, slot)) return undefined
    return this.slots[slot % SLOTS]!.subarray(0, this.control[lengthOf(slot)]!)
  }

  /** Gives the slot that is next back to those who fill slots. */
  release(): void {
    releaseSlot(this.control)
  }

  /** Resolves when the slot that is next is filled, or after {@link wake}. */
  async filled(): Promise<void> {
    const { control } = this
    const slot = control[READ]!
    Atomics.store(control, STARVED, 1)
    const found = Atomics.load(control, filledOf(slot))
    if (found !== slot + 1) {
      const wait = Atomics.waitAsync(control, filledOf(slot), found)
      if (wait.async) await wait.value
    }
    Atomics.store(control, STARVED, 0)
  }

  /** Ends a pending {@link filled}: for when nobody fills the slot. */
  wake(): void {
    Atomics.notify(this.control, filledOf(this.control[READ]!))
  }

  /** Makes those who fill slots stop with ABORTED. */
  close(): void {
    Atomics.store(this.control, CLOSED, 1)
    Atomics.notify(this.control, READ)
    this.wake()
  }
}
