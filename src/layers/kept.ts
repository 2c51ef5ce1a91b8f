/**
 * Contents of small files, kept between a layer's two passes: to open such a file once more takes longer than to keep what is
 * in it. Both passes go by the layer's plan, which gives each file its place (`PlacedEntry.place`). Memory is bounded: files
 * whose place is beyond it are read twice, as large ones are.
 */

/** Files of more bytes are read again, which takes no longer than to copy them. */
const SMALL_FILE = 8 * 1024

/** Memory is given out in chunks of so many bytes; no file lies in two. */
export const KEPT_CHUNK = 512 * 1024

/** Chunks of shared memory. */
export type KeptMemory = readonly Uint8Array[]

/** Contents that a pass leaves in memory, or finds there. */
export interface Kept {
  memory: KeptMemory
  /** Whether they are there. */
  isFilled: boolean
}

/** Whether a file of so many bytes has a place. */
export function hasPlace(size: number): boolean {
  return size > 0 && size <= SMALL_FILE
}

/** The place of a file of so many bytes: the first one from `next` on that lies in one chunk. */
export function placeFrom(next: number, size: number): number {
  return (next % KEPT_CHUNK) + size > KEPT_CHUNK ? next + KEPT_CHUNK - (next % KEPT_CHUNK) : next
}

/** The bytes of a place, undefined where there is no memory for it. */
export function bytesAt({ memory }: Kept, place: number, size: number): Uint8Array | undefined {
  const start = place % KEPT_CHUNK
  return memory[Math.floor(place / KEPT_CHUNK)]?.subarray(start, start + size)
}

/** How many chunks hold what ends at `next`. */
export function chunksTo(next: number): number {
  return Math.ceil(next / KEPT_CHUNK)
}
