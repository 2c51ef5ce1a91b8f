/** A layer's bytes for whoever can start anywhere and needs no order: what a worker makes one archive from. */
import { archiveSize, writeArchive } from './archive.js'
import type { Fingerprint } from './fingerprint.js'
import type { Owner } from './layer-headers.js'
import { copyRangeToSink, type Range } from './ranges.js'
import type { Sink } from './sink.js'
import { planStorePaths } from './walk.js'

export type LayerContent =
  | { kind: 'store'; plan: Uint8Array; owner: Owner }
  /** A part of a plain file: a base's layer, the customisation layer. */
  | { kind: 'range'; path: string; fingerprint: Fingerprint; range: Range }

/** A store layer's plan, and the size of the archive that it gives, in bytes. */
export interface PlannedLayer {
  plan: Uint8Array
  size: number
  /** As in {@link LayerChecksum}. */
  fresh: boolean
}

/** @throws ImageError as {@link planStorePaths} */
export function planLayer(task: { paths: readonly string[]; owner: Owner }): PlannedLayer {
  const { plan, fresh } = planStorePaths(task.paths)
  return { plan, fresh, size: archiveSize(plan, task.owner) }
}

/** @returns the archive's size in bytes @throws ImageError FILE_CHANGED or FILE_UNREADABLE, naming the file */
export function writeContent(content: LayerContent, sink: Sink): number {
  if (content.kind === 'store') return writeArchive(content.plan, content.owner, sink, { recheck: true })
  copyRangeToSink(content.path, content.fingerprint, content.range, sink)
  return content.range.size
}
