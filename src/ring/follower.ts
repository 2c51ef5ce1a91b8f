/** The digest of an archive that goes through a ring, taken by a thread beside the one that takes the slots. */
import { createHash } from 'node:crypto'
import { ImageError } from '../errors.js'
import {
  awaitFilled,
  CLOSED,
  FOLLOWED,
  lengthOf,
  NOBODY,
  type RingMemory,
  releaseSlot,
  SLOTS,
  slotBuffers,
} from './layout.js'
import { slotsOf } from './parts.js'

/** Says that slots from this one on are not free before {@link hashSlots} has seen them. */
export function startFollowing({ control }: RingMemory, slot: number): void {
  Atomics.store(control, FOLLOWED, slot)
}

/**
 * @param size of the archive, in bytes @param slot the number of its first slot
 * @returns the SHA-256 in hexadecimal digits
 * @throws ImageError ABORTED
 */
export function hashSlots(memory: RingMemory, size: number, slot: number): string {
  const { control } = memory
  const slots = slotBuffers(memory)
  const hash = createHash('sha256')
  for (const end = slot + slotsOf(size); slot < end; slot++) {
    while (!awaitFilled(control, slot))
      if (Atomics.load(control, CLOSED) === 1)
        throw new ImageError('ABORTED', 'the image is no longer wanted')
    hash.update(slots[slot % SLOTS]!.subarray(0, control[lengthOf(slot)]!))
    releaseSlot(control, FOLLOWED)
  }
  Atomics.store(control, FOLLOWED, NOBODY)
  Atomics.notify(control, FOLLOWED)
  return hash.digest('hex')
}
