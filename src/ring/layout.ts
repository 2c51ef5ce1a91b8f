/**
 * The shared memory through which an archive's bytes go from the threads that read them to the one that takes them: a
 * few slots used over and over, so that memory stays flat and a slow taker slows the others down. Slots are
 * numbered on and on, and taken in the order of their numbers; who fills which is told by `parts`. All sides import the
 * layout from here.
 */

/**
 * 32 slots of 128 KiB: each large enough that waking the other side costs little, together enough that many small
 * files, where the producer is slower, and a large one, where the consumer is, level out (100 layers, 2.5 GB on two
 * cores: 3.8 s with 8 slots, 3.5 s with 32 and with 128).
 */
export const SLOTS = 32
export const SLOT_BYTES = 128 * 1024

/** Indexes into the control words. */
/** The number of the slot that is taken next. */
export const READ = 0
export const CLOSED = 1
/** How many parts of what is being produced have somebody who fills them. */
export const CLAIMED = 2
/** How many parts it has. */
export const PARTS = 3
/** Whether those who help are wanted elsewhere. */
export const LEAVE = 4
/** How many threads wait for a free slot, and whether who takes slots waits for a filled one: to wake nobody costs, too. */
export const BLOCKED = 5
export const STARVED = 6
/** For each slot, the number that it had when it was filled last, and 1; then, how many of its bytes are filled. */
const FILLED = 7
const LENGTH = FILLED + SLOTS

/** Milliseconds after which who waits looks again: a ring may be closed just before a wait begins, and then nobody ends it. */
export const LOOK_EVERY = 500

/** What is handed between threads. */
export interface RingMemory {
  control: Int32Array
  slots: Uint8Array
}

export function createRing(): RingMemory {
  return {
    control: new Int32Array(new SharedArrayBuffer((LENGTH + SLOTS) * 4)),
    slots: new Uint8Array(new SharedArrayBuffer(SLOTS * SLOT_BYTES)),
  }
}

/** Of a slot's bytes, how many are filled: index into the control words. */
export function lengthOf(slot: number): number {
  return LENGTH + (slot % SLOTS)
}

export function filledOf(slot: number): number {
  return FILLED + (slot % SLOTS)
}

/** So many slots get free before those who wait for one are told: who fills them does several at once. */
const SOME = 4

/** Gives the slot that is next back to those who fill slots. */
export function releaseSlot(control: Int32Array): void {
  const next = Atomics.add(control, READ, 1) + 1
  if (next % SOME === 0 && Atomics.load(control, BLOCKED) > 0) Atomics.notify(control, READ)
}

/** Hands a filled slot over. */
export function fillSlot(control: Int32Array, slot: number, used: number): void {
  control[lengthOf(slot)] = used
  Atomics.store(control, filledOf(slot), slot + 1)
  if (Atomics.load(control, STARVED) === 1) Atomics.notify(control, filledOf(slot))
}

export function isFilled(control: Int32Array, slot: number): boolean {
  return Atomics.load(control, filledOf(slot)) === slot + 1
}

/** Views of the slots, one a slot. */
export function slotBuffers(memory: RingMemory): Buffer[] {
  return Array.from({ length: SLOTS }, (_, i) => Buffer.from(memory.slots.buffer, i * SLOT_BYTES, SLOT_BYTES))
}
