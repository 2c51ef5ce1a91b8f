/** The streaming pass: the archive whose checksum is known, once more, for real. */
import { pythonListRepr } from '../python/repr.js'
import { writeArchive } from './archive.js'
import { VerifyingSink } from './checksum.js'
import { changed } from './fingerprint.js'
import type { Owner } from './layer-headers.js'
import type { Sink } from './sink.js'

export interface ArchiveTask {
  paths: readonly string[]
  plan: Uint8Array
  owner: Owner
  /** The digest to hold the archive against, or undefined to trust size, inode, mtime and ctime of its files. */
  digest: string | undefined
}

/** Streams several layers; no buffer holds bytes of two. */
export function streamLayers(tasks: readonly ArchiveTask[], sink: Sink): undefined {
  for (const task of tasks) streamLayer(task, sink)
}

/** @throws ImageError FILE_CHANGED when a file, or the digest, is not as in the checksum pass */
export function streamLayer(task: ArchiveTask, sink: Sink): void {
  const { plan, owner, digest } = task
  if (digest === undefined) {
    writeArchive(plan, owner, sink, { recheck: true })
    return
  }
  const verifying = new VerifyingSink(sink)
  writeArchive(plan, owner, verifying, { recheck: true })
  const found = verifying.digest()
  if (found !== digest)
    throw changed(`a file in ${pythonListRepr(task.paths)}`, `SHA-256 ${digest} of the layer`, found)
}
