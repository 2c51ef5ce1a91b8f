import { ImageError } from '../errors.js'
import { CLOSED, LENGTHS, READ, type RingMemory, SLOTS, slotBuffers, WRITTEN } from './layout.js'

/**
 * The producing side of a ring: lends free slots, blocking its thread while none is free. Producers use a
 * ring one after the other, never two at a time.
 */
export class RingWriter {
  private readonly slots: Buffer[]
  private readonly control: Int32Array

  constructor(memory: RingMemory) {
    this.control = memory.control
    this.slots = slotBuffers(memory)
  }

  /** @throws ImageError ABORTED when the reader has closed the ring. */
  lend(): Buffer {
    const written = Atomics.load(this.control, WRITTEN)
    for (;;) {
      if (Atomics.load(this.control, CLOSED) === 1)
        throw new ImageError('ABORTED', 'the image is no longer wanted')
      const read = Atomics.load(this.control, READ)
      if (written - read < SLOTS) return this.slots[written % SLOTS]!
      Atomics.wait(this.control, READ, read)
    }
  }

  accept(used: number): void {
    const written = Atomics.load(this.control, WRITTEN)
    this.control[LENGTHS + (written % SLOTS)] = used
    Atomics.store(this.control, WRITTEN, written + 1)
    Atomics.notify(this.control, WRITTEN)
  }
}
