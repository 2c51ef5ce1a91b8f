/**
 * The shared memory through which a worker's bytes reach the thread that writes them: a few slots used
 * over and over, so that memory stays flat and a slow reader slows the producer down. Both sides import
 * the layout from here.
 */

/**
 * 32 slots of 128 KiB: each large enough that waking the other side costs little, together enough that many small
 * files, where the producer is slower, and a large one, where the consumer is, level out (100 layers, 2.5 GB on two
 * cores: 3.8 s with 8 slots, 3.5 s with 32 and with 128).
 */
export const SLOTS = 32
export const SLOT_BYTES = 128 * 1024

/** Indexes into the control words. */
export const WRITTEN = 0
export const READ = 1
export const CLOSED = 2
export const LENGTHS = 3

/** What is handed between threads. */
export interface RingMemory {
  control: Int32Array
  slots: Uint8Array
}

export function createRing(): RingMemory {
  return {
    control: new Int32Array(new SharedArrayBuffer((LENGTHS + SLOTS) * 4)),
    slots: new Uint8Array(new SharedArrayBuffer(SLOTS * SLOT_BYTES)),
  }
}

/** Views of the slots, one a slot. */
export function slotBuffers(memory: RingMemory): Buffer[] {
  return Array.from({ length: SLOTS }, (_, i) => Buffer.from(memory.slots.buffer, i * SLOT_BYTES, SLOT_BYTES))
}
