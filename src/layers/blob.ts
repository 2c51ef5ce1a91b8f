/** A layer as a blob in a file, in one pass: its digests are known when its bytes are in place. */
import { HashingSink } from './checksum.js'
import { type BlobCompression, compressor } from './compress.js'
import { type LayerContent, writeContent } from './content.js'
import { FileSink } from './file-sink.js'

export interface BlobTask {
  content: LayerContent
  compression: BlobCompression
  /** An existing file, and where in it the blob starts, in bytes. */
  file: string
  offset: number
}

/** Digests are SHA-256 in hex, sizes in bytes. */
export interface Blob {
  /** Of the archive: the layer's diff ID. */
  diffId: string
  size: number
  /** Of the blob, which is the archive compressed. */
  digest: string
  blobSize: number
}

/** @throws ImageError FILE_CHANGED, FILE_UNREADABLE, OUTPUT_FAILED */
export async function writeBlob(task: BlobTask): Promise<Blob> {
  const file = new FileSink(task.file, task.offset)
  try {
    const plain = task.compression.kind === 'none'
    const compressed = plain ? undefined : new HashingSink(file)
    const packing = await compressor(task.compression, compressed ?? file)
    const archive = new HashingSink(packing)
    const size = writeContent(task.content, archive)
    packing.finish()
    const diffId = archive.digest()
    return { diffId, size, digest: compressed?.digest() ?? diffId, blobSize: file.size }
  } finally {
    file.close()
  }
}
