/** The help that a thread gives another one which makes a large blob. */
import { encoder } from './encoders.js'
import { KIND, KINDS, NEWS, type PieceMemory, Pieces } from './pieces.js'

/** Compresses pieces of the blob that is being made there, until it is done or its thread is wanted elsewhere. */
export async function help(memory: PieceMemory): Promise<void> {
  const pieces = new Pieces(memory)
  const { control, slots } = pieces
  for (;;) {
    const news = Atomics.load(control, NEWS)
    if (pieces.isOver) return
    const slot = slots.findIndex((_, i) => pieces.claim(i))
    if (slot >= 0) pieces.compress(slot, await encoder(KINDS[control[KIND]!]!))
    else Atomics.wait(control, NEWS, news)
  }
}
