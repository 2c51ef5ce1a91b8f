/** Memory in which checksum passes leave contents of small files for the streaming pass. */
import { KEPT_CHUNK, type KeptMemory } from '../layers/kept.js'
import type { KeptContents } from '../model/layer.js'

/** Chunks there are at most, whatever the image's size: 16 MiB. */
const MOST = (16 << 20) / KEPT_CHUNK

/** Chunks for a layer of which nothing is known yet. */
const A_LAYER = MOST / 8

/** A large layer leaves as much for the others. */
const A_LARGE_LAYER = MOST / 2

export class Keeping {
  private readonly free: Uint8Array[] = []
  private made = 0

  /** For one layer. */
  lease(): Lease {
    return new Lease(this)
  }

  take(wanted: number): KeptMemory {
    const chunks: Uint8Array[] = []
    while (chunks.length < wanted) {
      const chunk = this.free.pop() ?? this.make()
      if (chunk === undefined) break
      chunks.push(chunk)
    }
    return chunks
  }

  giveBack(memory: KeptMemory): void {
    this.free.push(...memory)
  }

  private make(): Uint8Array | undefined {
    if (this.made === MOST) return undefined
    this.made++
    return new Uint8Array(new SharedArrayBuffer(KEPT_CHUNK))
  }
}

/** The memory of one layer's checksum pass. */
export class Lease {
  private memory: KeptMemory = []

  constructor(private readonly keeping: Keeping) {}

  /** What there is when the pass begins, up to the chunks that it wants; none where others have it all. */
  take(wanted = A_LAYER): KeptMemory {
    this.memory = this.keeping.take(Math.min(wanted, A_LARGE_LAYER))
    return this.memory
  }

  /** What the pass has left; the rest is given back. @param chunks how many it took, or would have taken */
  end(chunks: number): KeptContents {
    const { keeping } = this
    let left = this.memory.slice(0, chunks)
    keeping.giveBack(this.memory.slice(chunks))
    this.memory = []
    const take = (): KeptMemory => {
      const taken = left
      left = []
      return taken
    }
    return { take, giveBack: (memory) => keeping.giveBack(memory) }
  }
}
