/** The streaming pass: the archive whose checksum is known, once more, for real. */
import { staleEntry } from '../errors.js'
import { pythonListRepr } from '../python/repr.js'
import { archiveSize, writeArchive } from './archive.js'
import type { Owner } from './layer-headers.js'
import type { Sink } from './sink.js'
import { planStorePaths } from './walk.js'

export interface ArchiveTask {
  paths: readonly string[]
  /** Undefined when the layer was not walked yet, because it was remembered. */
  plan: Uint8Array | undefined
  /** Whether digest and size come from a cache. */
  remembered: boolean
  owner: Owner
  /** What the archive's size must be, in bytes. */
  size: number
}

/** Streams several layers; no buffer holds bytes of two. */
export function streamLayers(tasks: readonly ArchiveTask[], sink: Sink): undefined {
  for (const task of tasks) streamLayer(task, sink)
}

/** @throws ImageError FILE_CHANGED when a file is not as in the checksum pass, CACHE_STALE when the size is not */
export function streamLayer({ paths, plan, remembered, owner, size }: ArchiveTask, sink: Sink): void {
  const entries = plan ?? planStorePaths(paths).plan
  if (remembered) {
    const found = archiveSize(entries, owner)
    // More bytes than announced would wait in the ring for a reader that has left.
    if (found !== size)
      throw staleEntry(`layer of ${pythonListRepr(paths)}`, `an archive of ${size} bytes`, `${found}`)
  }
  writeArchive(entries, owner, sink, { recheck: true })
}
