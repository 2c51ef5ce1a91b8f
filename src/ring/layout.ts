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
/** How many threads wait for a free slot, and how many for a filled one: to wake nobody costs, too. */
export const BLOCKED = 5
export const STARVED = 6
/** The number of the slot that is hashed next, where a thread does so beside who takes them; else {@link NOBODY}. */
export const FOLLOWED = 7
/** For each slot, the number that it had when it was filled last, and 1. */
const FILLED = 8

/** Further than any slot. */
export const NOBODY = 0x7fffffff
const WORDS = FILLED

/** What is handed between threads. */
export interface RingMemory {
  control: Int32Array
  slots: Uint8Array
}

export function createRing(): RingMemory {
  const control = new Int32Array(new SharedArrayBuffer((WORDS + 2 * SLOTS) * 4))
  control[FOLLOWED] = NOBODY
  return { control, slots: new Uint8Array(new SharedArrayBuffer(SLOTS * SLOT_BYTES)) }
}

/** Of a slot's bytes, how many are filled: index into the control words. */
export function lengthOf(slot: number): number {
  return WORDS + SLOTS + (slot % SLOTS)
}

export function filledOf(slot: number): number {
  return FILLED + (slot % SLOTS)
}

/** So many slots get free before those who wait for one are told: who fills them does several at once. */
const SOME = 4

/** Has no more need of the slot that is next. @param by who: READ or FOLLOWED */
export function releaseSlot(control: Int32Array, by: number): void {
  const next = Atomics.add(control, by, 1) + 1
  if (next % SOME === 0 && Atomics.load(control, BLOCKED) > 0) Atomics.notify(control, by)
}

/** Hands a filled slot over. */
export function fillSlot(control: Int32Array, slot: number, used: number): void {
  control[lengthOf(slot)] = used
  Atomics.store(control, filledOf(slot), slot + 1)
  if (Atomics.load(control, STARVED) > 0) Atomics.notify(control, filledOf(slot))
}

export function isFilled(control: Int32Array, slot: number): boolean {
  return Atomics.load(control, filledOf(slot)) === slot + 1
}

/**
 * Waits for a filled slot, on a thread that may block.
 * @param milliseconds how long at most; undefined: until it is filled, or the ring closed
 * @returns whether it is filled
 */
export function awaitFilled(control: Int32Array, slot: number, milliseconds?: number): boolean {
  const at = filledOf(slot)
  Atomics.add(control, STARVED, 1)
  const found = Atomics.load(control, at)
  if (found !== slot + 1 && Atomics.load(control, CLOSED) === 0)
    Atomics.wait(control, at, found, milliseconds)
  Atomics.sub(control, STARVED, 1)
  return isFilled(control, slot)
}

/** Ends it all: nobody waits any more, for filled slots or for free ones. */
export function closeRing({ control }: RingMemory): void {
  Atomics.store(control, CLOSED, 1)
  for (const word of [READ, FOLLOWED]) Atomics.notify(control, word)
  for (let slot = 0; slot < SLOTS; slot++) {
    // A wait that is about to begin finds another value.
    Atomics.store(control, filledOf(slot), -1)
    Atomics.notify(control, filledOf(slot))
  }
}

/** Views of the slots, one a slot. */
export function slotBuffers(memory: RingMemory): Buffer[] {
  return Array.from({ length: SLOTS }, (_, i) => Buffer.from(memory.slots.buffer, i * SLOT_BYTES, SLOT_BYTES))
}
