/** A layer as a blob in a file, in one pass: its digests are known when its bytes are in place. */
import type { BlobCompression } from '../model/compression.js'
import type { MadeBlob } from '../model/layer.js'
import type { Recipe } from '../model/recipe.js'
import { HashingSink } from './checksum.js'
import { type Compressor, compressor } from './compress.js'
import { FileSink } from './file-sink.js'
import { NarHasher } from './nar.js'
import type { PieceMemory } from './pieces.js'
import { writeRecipes } from './recipes.js'
import type { Sink } from './sink.js'

export interface BlobTask {
  recipe: Recipe
  /** Of the archive, in bytes. */
  size: number
  compression: BlobCompression
  /** An existing file, and where in it the blob starts, in bytes. */
  file: string
  offset: number
  /** Whether to compute the NAR hashes of the store paths too. */
  nar?: boolean | undefined
  /** Shared: takes how many bytes of the archive there are so far. */
  counter?: BigInt64Array | undefined
}

/**
 * @param pieces where other threads may help to compress; undefined: this one does it alone
 * @throws ImageError FILE_CHANGED, FILE_UNREADABLE, OUTPUT_FAILED, WORKER_FAILED when a helper died
 */
export async function writeBlob(task: BlobTask, pieces?: PieceMemory): Promise<MadeBlob> {
  const file = new FileSink(task.file, task.offset)
  let packing: Compressor | undefined
  try {
    const plain = task.compression.kind === 'none'
    const compressed = plain ? undefined : new HashingSink(file)
    packing = await compressor(task.compression, compressed ?? file, pieces && { pieces, size: task.size })
    const archive = new HashingSink(task.counter === undefined ? packing : counting(packing, task.counter))
    const nar = task.nar && task.recipe.kind === 'store' ? new NarHasher() : undefined
    await writeRecipes([task.recipe], archive, nar)
    packing.finish()
    const diffId = archive.digest()
    const digest = compressed?.digest() ?? diffId
    return { diffId, size: archive.size, digest, blobSize: file.size, narHashes: nar?.finish() }
  } finally {
    packing?.close()
    file.close()
  }
}

/** A sink whose bytes another thread sees counted. */
function counting(inner: Sink, counter: BigInt64Array): Sink {
  return {
    lend: () => inner.lend(),
    accept: (used) => {
      inner.accept(used)
      Atomics.add(counter, 0, BigInt(used))
    },
  }
}
