/** Which blobs are being made, and who helps with which. */
import {
  announce,
  breakPieces,
  countHelpers,
  createPieces,
  PIECE,
  type PieceMemory,
  piecesForEach,
} from '../layers/pieces.js'
import type { AnyPass, Reply } from '../layers/tasks.js'

/** Pieces for each thread from which help is worth asking for: fewer are done before it comes. */
const WORTH = 2

/** Slots for each thread: as many pieces are on their way, and one more that is being filled. */
const SLOTS_A_THREAD = 2

export class Helping {
  /** In which blobs are being made. */
  private readonly used = new Set<PieceMemory>()
  private readonly free: PieceMemory[] = []

  /** @param threads how many may work on one blob */
  constructor(private readonly threads: number) {}

  /** Memory in which the pass's blob is made; undefined when it makes none that is worth helping with. */
  lend(pass: AnyPass): PieceMemory | undefined {
    const size = sizeToCompress(pass)
    if (this.threads === 1 || size < 2 * WORTH * PIECE) return undefined
    const pieces = this.free.pop() ?? createPieces(SLOTS_A_THREAD * this.threads + 1)
    announce(pieces, size)
    this.used.add(pieces)
    return pieces
  }

  /** @param isSound whether the thread that it was lent to still lives */
  takeBack(pieces: PieceMemory, isSound: boolean): void {
    this.used.delete(pieces)
    if (isSound) this.free.push(pieces)
  }

  get isWanted(): boolean {
    return this.neediest() !== undefined
  }

  /** Has a thread help where most is left for each that works there. */
  async help(ask: (pieces: PieceMemory) => Promise<Reply<unknown>>): Promise<void> {
    const pieces = this.neediest()
    if (pieces === undefined) return
    countHelpers(pieces, 1)
    const reply = await ask(pieces)
    countHelpers(pieces, -1)
    if (!reply.ok) breakPieces(pieces)
  }

  private neediest(): PieceMemory | undefined {
    const [most] = [...this.used].sort((a, b) => piecesForEach(b) - piecesForEach(a))
    return most !== undefined && piecesForEach(most) >= WORTH ? most : undefined
  }
}

function sizeToCompress(pass: AnyPass): number {
  return pass.kind === 'blob' && pass.input.compression.kind !== 'none' ? pass.input.size : 0
}
