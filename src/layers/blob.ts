/** A layer as a blob in a file, in one pass: its digests are known when its bytes are in place. */
import type { BlobCompression } from '../model/compression.js'
import type { MadeBlob } from '../model/layer.js'
import type { Recipe } from '../model/recipe.js'
import { HashingSink } from './checksum.js'
import { compressor } from './compress.js'
import { FileSink } from './file-sink.js'
import { NarHasher } from './nar.js'
import { writeRecipes } from './recipes.js'

export interface BlobTask {
  recipe: Recipe
  compression: BlobCompression
  /** An existing file, and where in it the blob starts, in bytes. */
  file: string
  offset: number
  /** Whether to compute the NAR hashes of the store paths too. */
  nar?: boolean | undefined
}

/** @throws ImageError FILE_CHANGED, FILE_UNREADABLE, OUTPUT_FAILED */
export async function writeBlob(task: BlobTask): Promise<MadeBlob> {
  const file = new FileSink(task.file, task.offset)
  try {
    const plain = task.compression.kind === 'none'
    const compressed = plain ? undefined : new HashingSink(file)
    const packing = await compressor(task.compression, compressed ?? file)
    const archive = new HashingSink(packing)
    const nar = task.nar && task.recipe.kind === 'store' ? new NarHasher() : undefined
    await writeRecipes([task.recipe], archive, nar)
    packing.finish()
    const diffId = archive.digest()
    const digest = compressed?.digest() ?? diffId
    return { diffId, size: archive.size, digest, blobSize: file.size, narHashes: nar?.finish() }
  } finally {
    file.close()
  }
}
