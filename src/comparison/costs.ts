/** What who has one image has to take for another. */
import type { Digest } from '../model/digest.js'
import type { Costs } from './result.js'

export interface LayerCost {
  diffId: Digest
  /** Of the blob where it is one. */
  blob?: Digest | undefined
  /** Of the blob, or the archive. */
  size: number
}

export function costsOf(from: readonly LayerCost[], to: readonly LayerCost[]): Costs {
  const known = new Set(from.flatMap(({ diffId, blob }) => (blob === undefined ? [diffId] : [diffId, blob])))
  // The same archive in a blob of other bytes is not the same to a registry; of unknown blobs the archive decides.
  const blobs = new Set(from.map(({ blob }) => blob))
  const isThere = ({ diffId, blob }: LayerCost): boolean =>
    blob !== undefined && !blobs.has(undefined) ? blobs.has(blob) : known.has(diffId)
  const taken = new Map(
    to.filter((layer) => !isThere(layer)).map((layer) => [layer.blob ?? layer.diffId, layer]),
  )
  let first = 0
  while (first < to.length && from[first]?.diffId === to[first]!.diffId) first++
  return { registry: amountOf([...taken.values()]), engine: amountOf(to.slice(first)) }
}

function amountOf(layers: readonly LayerCost[]): { layers: number; bytes: number } {
  return { layers: layers.length, bytes: layers.reduce((sum, { size }) => sum + size, 0) }
}
