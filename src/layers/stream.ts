/** The streaming pass: the archive whose checksum is known, once more, for real. */
import { writeArchive } from './archive.js'
import type { Owner } from './layer-headers.js'
import type { Sink } from './sink.js'

export interface ArchiveTask {
  plan: Uint8Array
  owner: Owner
}

/**
 * Streams several layers; no buffer holds bytes of two.
 * @throws ImageError FILE_CHANGED when a file is not as it was planned
 */
export function streamLayers(tasks: readonly ArchiveTask[], sink: Sink): undefined {
  for (const { plan, owner } of tasks) writeArchive(plan, owner, sink, { recheck: true })
}
