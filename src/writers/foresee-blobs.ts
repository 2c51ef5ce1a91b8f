/** What becomes of layers at blob stores: recalled, found, mounted, or made and sent. */
import pLimit from 'p-limit'
import type { Descriptor } from '../model/descriptor.js'
import type { ByDigest } from '../model/destination.js'
import type { Layer } from '../model/layer.js'
import type { ForeseenAt, ForeseenLayer } from '../results.js'
import { compressionFor, copied, looksAtOnce, recallBlob, sharedKey, sizeOf } from './blob-choices.js'
import { describe, PreviousBlobs } from './previous-blobs.js'
import type { WriteContext } from './written.js'

/** A layer on one way out, with what becomes of it at each destination of that way. */
export type Foreseen = Omit<ForeseenLayer, 'source'>

export async function foreseeBlobs(
  layers: readonly Layer[],
  destinations: readonly ByDigest[],
  context: WriteContext,
): Promise<Foreseen[]> {
  const previous = await PreviousBlobs.of(destinations, context.emit)
  const compression = compressionFor(destinations, context.compression)
  const foreseen = new Map<string, Promise<Foreseen>>()
  const foreseeOne = async (layer: Layer): Promise<Foreseen> => {
    const key = await sharedKey(layer, context.compression)
    const before = key === undefined ? undefined : foreseen.get(key)
    if (before !== undefined) return again(await before)
    const first = foreseeFirst(layer)
    if (key !== undefined) foreseen.set(key, first)
    return first
  }
  const foreseeFirst = async (layer: Layer): Promise<Foreseen> => {
    const isBase = layer.source.kind === 'base'
    const whole = copied(layer, context.compression)
    if (whole !== undefined) {
      const at = await lookAt(whole.descriptor, destinations)
      const { kind, descriptor } = whole
      const isRead = isBase || at.some(({ outcome }) => outcome === 'sent')
      return {
        size: kind === 'none' ? descriptor.size : undefined,
        isRead,
        isCompressed: false,
        destinations: at,
      }
    }
    const known = await recallBlob(layer, compression, previous, context)
    if (known !== undefined) {
      const { blob } = known
      const at = await lookAt(describe(blob, undefined, compression), destinations)
      const isSent = at.some(({ outcome }) => outcome === 'sent')
      const isMade = isSent && (await context.memory.blobFile(layer, compression)) === undefined
      const isRead = isMade || isBase || context.verify
      return {
        size: blob.size,
        isRead,
        isCompressed: isMade && compression.kind !== 'none',
        destinations: at,
      }
    }
    const { size } = await sizeOf(layer)
    const blob = compression.kind === 'none' && size !== undefined ? { size } : {}
    return {
      size,
      isRead: true,
      isCompressed: compression.kind !== 'none',
      destinations: destinations.map(({ name }) => ({ name, outcome: 'sent', ...blob })),
    }
  }
  const limit = pLimit(looksAtOnce(destinations, context))
  return Promise.all(layers.map((layer) => limit(foreseeOne, layer)))
}

/** The same layer once more: it is there when the first one is. */
function again(first: Foreseen): Foreseen {
  const destinations = first.destinations.map((at) => ({ ...at, outcome: 'skipped' as const }))
  return { ...first, isRead: false, isCompressed: false, destinations }
}

/** What each store would do about the blob. */
function lookAt(blob: Descriptor, destinations: readonly ByDigest[]): Promise<ForeseenAt[]> {
  const { digest, size } = blob
  return Promise.all(
    destinations.map(async ({ name, store }) => {
      const outcome = (await store.has(blob)) ? 'skipped' : (await store.canMount(blob)) ? 'mounted' : 'sent'
      return { name, outcome, digest, size }
    }),
  )
}
