/** What an image's layer is to a destination, wherever it comes from. */

import type { Write } from '../pool/streamer.js'
import { pythonListRepr } from '../python/repr.js'
import type { Member } from '../tar/header.js'

/** Where a layer comes from, in Python strings. */
export type LayerSource =
  | { kind: 'base'; name: string }
  | { kind: 'store'; paths: readonly string[] }
  | { kind: 'customisation'; directory: string }

/** What is known of a layer once its checksum is. */
export interface LayerInfo {
  /** SHA-256 of the layer's archive in hex. */
  digest: string
  /** Bytes of the layer's archive. */
  size: number
  /** Its member in a docker-archive. */
  member: Member
}

export interface Layer {
  readonly source: LayerSource
  /** Resolves when the checksum pass is done with it. */
  readonly info: Promise<LayerInfo>
  /** Gives the layer's bytes, once, when the layers before it have given theirs. */
  stream(write: Write): Promise<void>
}

/** The list that an image's history shows for the layer. */
export function historyPaths(source: LayerSource): readonly string[] {
  if (source.kind === 'store') return source.paths
  return [source.kind === 'base' ? source.name : source.directory]
}

/** The layer in a message. */
export function nameOf(source: LayerSource): string {
  if (source.kind === 'store') return `layer of ${pythonListRepr(source.paths)}`
  return source.kind === 'base' ? `base layer ${source.name}` : `customisation layer ${source.directory}`
}
