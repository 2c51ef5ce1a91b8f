/** What threads can have a share in: the pieces of a blob that are to be compressed, the parts of archives that are to be read. */
import {
  announce,
  breakPieces,
  countHelpers,
  createPieces,
  dismissHelpers,
  PIECE,
  type PieceMemory,
  piecesLeft,
} from '../layers/pieces.js'
import type { Production } from '../layers/production.js'
import type { AnyPass } from '../layers/tasks.js'
import { forsake } from '../ring/hashing.js'
import { LEAVE } from '../ring/layout.js'
import { announceParts, PART_BYTES, unclaimedBytes } from '../ring/parts.js'
import type { Job } from './helping.js'

/** Milliseconds that about so many take. */
const PIECE_MS = 25
const PART_MS = 0.4

/**
 * Who hashes, and who writes into a pipe, takes about as much as three threads read, one of them its own: more only get in
 * each other's way (100 layers, 2.5 GB, 8 threads on two cores: 4.1 s and 6.7 CPU seconds, 3.8 s and 6.1 so).
 */
const READERS = 2

/** Bytes from which a blob is worth help. */
const WORTH = 4 * PIECE

/** Slots for each thread: as many pieces are on their way, and one more that is being filled. */
const SLOTS_A_THREAD = 2

/** @param threads how many may work on one blob */
export function createPiecesFor(threads: number): PieceMemory {
  return createPieces(SLOTS_A_THREAD * threads + 1)
}

/** How large a blob the pass compresses, in bytes; 0 when it is not worth help. */
export function sizeToCompress(pass: AnyPass): number {
  if (pass.kind !== 'blob' || pass.input.compression.kind === 'none') return 0
  return pass.input.size < WORTH ? 0 : pass.input.size
}

/** A blob of so many bytes that is compressed. */
export function compressing(pieces: PieceMemory, size: number): Job {
  announce(pieces, size)
  return {
    help: { pieces },
    most: Number.POSITIVE_INFINITY,
    left: () => piecesLeft(pieces) * PIECE_MS,
    count: (more) => countHelpers(pieces, more),
    dismiss: () => dismissHelpers(pieces),
    forsake: () => breakPieces(pieces),
  }
}

/** Archives whose parts are read. */
export function reading(production: Production): Job {
  const { ring, sizes } = production
  announceParts(ring, sizes)
  return {
    help: { production },
    most: READERS,
    left: () => (unclaimedBytes(ring) / PART_BYTES) * PART_MS,
    count: (more) => {
      if (more === 1) Atomics.store(ring.control, LEAVE, 0)
    },
    dismiss: () => Atomics.store(ring.control, LEAVE, 1),
    forsake: () => forsake(ring),
  }
}
