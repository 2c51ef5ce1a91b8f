/**
 * The shared memory in which threads compress the pieces of one blob together. Its maker fills slots and takes them
 * back in order, helpers compress what they find; no piece takes a message. Both sides import the layout from here.
 */
import type { BlobKind } from '../model/compression.js'
import type { Encode } from './encoders.js'

/** Each piece of an archive is compressed by itself, in bytes. */
export const PIECE = 1 << 20

/** A piece that cannot be compressed grows by less than this, in bytes (deflate: 5 of 16 KiB; zstd: 3 of 128 KiB). */
const GROWTH = PIECE >> 6

/** Where a slot's piece stands. Only who sets CLAIMED in place of FILLED touches its bytes, until it sets DONE. */
export const FREE = 0
export const FILLED = 1
export const CLAIMED = 2
export const DONE = 3
/** Its thread died. */
export const LOST = 4

/** Indexes into the control words. */
export const KIND = 0
export const LEVEL = 1
/** Pieces that the blob has yet to fill. */
export const LEFT = 2
/** Threads that help, or are about to. */
export const HELPERS = 3
/** Counts whatever helpers may wait for. */
export const NEWS = 4
/** Whether a blob is being made. */
export const MAKING = 5
/** Set when a helper died: nothing more comes of this memory. */
const BROKEN = 6
/** Whether those who help are wanted elsewhere. */
const LEAVE = 7
const HEAD = 8

/** By their numbers in the control words. */
export const KINDS = ['gzip', 'zstd'] as const satisfies BlobKind[]

/** What is handed between threads. */
export interface PieceMemory {
  control: Int32Array
  bytes: Uint8Array
}

export function createPieces(slots: number): PieceMemory {
  return {
    control: new Int32Array(new SharedArrayBuffer((HEAD + 2 * slots) * 4)),
    bytes: new Uint8Array(new SharedArrayBuffer(slots * (PIECE + GROWTH))),
  }
}

/** Says that a blob is to be made of about so many bytes, so that helpers can come. */
export function announce({ control }: PieceMemory, size: number): void {
  Atomics.store(control, LEFT, Math.ceil(size / PIECE))
  Atomics.store(control, MAKING, 1)
}

/** Has whoever waits for a helper that died fail. */
export function breakPieces({ control }: PieceMemory): void {
  Atomics.store(control, BROKEN, 1)
  for (let word = HEAD; word < (HEAD + control.length) / 2; word++)
    if (Atomics.compareExchange(control, word, CLAIMED, LOST) === CLAIMED) Atomics.notify(control, word)
}

/** Counts a thread that is about to help, or that no longer does. */
export function countHelpers({ control }: PieceMemory, more: 1 | -1): void {
  if (more === 1) Atomics.store(control, LEAVE, 0)
  Atomics.add(control, HELPERS, more)
}

/** Has helpers end when they are done with the piece that they have. */
export function dismissHelpers({ control }: PieceMemory): void {
  Atomics.store(control, LEAVE, 1)
  tellOf(control)
}

/** How many more pieces the blob has. */
export function piecesLeft({ control }: PieceMemory): number {
  return Atomics.load(control, LEFT)
}

function tellOf(control: Int32Array): void {
  Atomics.add(control, NEWS, 1)
  Atomics.notify(control, NEWS)
}

/** One thread's view of the memory. */
export class Pieces {
  readonly control: Int32Array
  /** The slots, with room for what a piece may grow to. */
  readonly slots: Buffer[]

  constructor({ control, bytes }: PieceMemory) {
    this.control = control
    this.slots = Array.from({ length: (control.length - HEAD) / 2 }, (_, i) =>
      Buffer.from(bytes.buffer, i * (PIECE + GROWTH), PIECE + GROWTH),
    )
  }

  get isBroken(): boolean {
    return Atomics.load(this.control, BROKEN) === 1
  }

  state(slot: number): number {
    return Atomics.load(this.control, HEAD + slot)
  }

  setState(slot: number, state: number): void {
    Atomics.store(this.control, HEAD + slot, state)
    Atomics.notify(this.control, HEAD + slot)
  }

  /** Waits while a helper has the slot. */
  awaitHelper(slot: number): void {
    Atomics.wait(this.control, HEAD + slot, CLAIMED)
  }

  /** Whether this thread, and no other, has the slot's piece to compress. */
  claim(slot: number): boolean {
    return Atomics.compareExchange(this.control, HEAD + slot, FILLED, CLAIMED) === FILLED
  }

  setLength(slot: number, length: number): void {
    this.control[HEAD + this.slots.length + slot] = length
  }

  content(slot: number): Buffer {
    return this.slots[slot]!.subarray(0, this.control[HEAD + this.slots.length + slot]!)
  }

  /** Puts in place of a claimed piece what it is compressed to. */
  compress(slot: number, encode: Encode): void {
    this.setLength(slot, encode(this.content(slot), this.control[LEVEL]!, this.slots[slot]!))
    this.setState(slot, DONE)
  }

  /** Whether there is nothing for a helper to wait for. */
  get isOver(): boolean {
    return Atomics.load(this.control, MAKING) === 0 || Atomics.load(this.control, LEAVE) === 1
  }

  /** Tells helpers that there is something new. */
  tell(): void {
    tellOf(this.control)
  }
}
