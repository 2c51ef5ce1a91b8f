/** The help that a thread gives another one which makes a large blob. */
import { encoder } from './encoders.js'
import { KIND, KINDS, MAKING, NEWS, type PieceMemory, Pieces } from './pieces.js'

/** Milliseconds after which a helper asks whether its thread is needed elsewhere, since a client may wait for it. */
const LONG_ENOUGH = 100

/** Compresses pieces of the blob that is being made there, until it is done or for a tenth of a second. */
export async function help(memory: PieceMemory): Promise<void> {
  const pieces = new Pieces(memory)
  const { control, slots } = pieces
  const end = performance.now() + LONG_ENOUGH
  for (let left = LONG_ENOUGH; left > 0; left = end - performance.now()) {
    const news = Atomics.load(control, NEWS)
    const slot = slots.findIndex((_, i) => pieces.claim(i))
    if (slot >= 0) pieces.compress(slot, await encoder(KINDS[control[KIND]!]!))
    else if (Atomics.load(control, MAKING) === 0) return
    else Atomics.wait(control, NEWS, news, left)
  }
}
