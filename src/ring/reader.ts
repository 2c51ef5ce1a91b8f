import { CLOSED, LENGTHS, READ, type RingMemory, SLOTS, slotBuffers, WRITTEN } from './layout.js'

/** The consuming side of a ring, on a thread that must not block. */
export class RingReader {
  private readonly slots: Buffer[]
  private readonly control: Int32Array

  constructor(memory: RingMemory) {
    this.control = memory.control
    this.slots = slotBuffers(memory)
  }

  /** The oldest filled slot's bytes, valid until {@link release}; undefined when none is filled. */
  peek(): Buffer | undefined {
    const read = this.control[READ]!
    if (Atomics.load(this.control, WRITTEN) === read) return undefined
    const slot = read % SLOTS
    return this.slots[slot]!.subarray(0, this.control[LENGTHS + slot]!)
  }

  /** Gives the oldest filled slot back to the producer. */
  release(): void {
    Atomics.add(this.control, READ, 1)
    Atomics.notify(this.control, READ)
  }

  /** Resolves when a slot is filled, or after {@link wake}. */
  async filled(): Promise<void> {
    const read = this.control[READ]!
    const wait = Atomics.waitAsync(this.control, WRITTEN, read)
    if (wait.async) await wait.value
  }

  /** Ends a pending {@link filled}: for when the producer is gone. */
  wake(): void {
    Atomics.notify(this.control, WRITTEN)
  }

  /** Makes the producer stop with ABORTED. */
  close(): void {
    Atomics.store(this.control, CLOSED, 1)
    Atomics.notify(this.control, READ)
    this.wake()
  }
}
