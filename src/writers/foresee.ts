/** What a delivery would come to, from what real ones decide by; nothing is sent, and no layer is read. */

import { PLAIN } from '../model/compression.js'
import type { Destination, Served } from '../model/destination.js'
import type { Image } from '../model/image.js'
import type { Layer } from '../model/layer.js'
import type { Amount, AmountForeseen, DryRunResult, ForeseenAt, ForeseenDestination } from '../results.js'
import { sizeOf } from './blob-choices.js'
import { type Foreseen, foreseeBlobs } from './foresee-blobs.js'
import type { WriteContext } from './written.js'

/** @throws ImageError of sources, stores and engines */
export async function foresee(
  images: readonly Image[],
  destinations: readonly Destination[],
  context: WriteContext,
): Promise<DryRunResult> {
  const layers = images.flatMap((image) => image.layers)
  const stores = destinations.filter((it) => it.shape === 'by-digest')
  const ways: Foreseen[][] = []
  for (const destination of destinations) {
    if (destination.shape === 'served') ways.push(await foreseeEngine(images[0]!, destination, context))
    else if (destination.shape !== 'by-digest')
      ways.push(
        await Promise.all(layers.map((layer) => foreseeArchive(layer, destination.name ?? 'the output'))),
      )
    else if (destination === stores[0]) ways.push(await foreseeBlobs(layers, stores, context))
  }
  const all = layers.map(({ source }, i) => ({ source, ...together(ways.map((way) => way[i]!)) }))
  const at = (name: string): ForeseenAt[] =>
    all.map((layer) => layer.destinations.find((it) => it.name === name)!)
  const named = destinations.map(({ name = 'the output' }) => name)
  return {
    dryRun: true,
    layers: all.map((layer) => ({
      ...layer,
      destinations: named.map((name) => layer.destinations.find((it) => it.name === name)!),
    })),
    destinations: named.map((name) => ({ name, ...sumUp(at(name)) })),
    total: {
      read: amountOf(ways.flat().filter(({ isRead }) => isRead)),
      compressed: amountOf(ways.flat().filter(({ isCompressed }) => isCompressed)),
      sent: sum(all.flatMap((layer) => layer.destinations).filter(({ outcome }) => outcome === 'sent')),
    },
  }
}

/** Every layer is read and written, whatever is there. */
async function foreseeArchive(layer: Layer, name: string): Promise<Foreseen> {
  const { size, diffId } = await sizeOf(layer)
  const digest = diffId === undefined ? {} : { digest: diffId }
  const at = { name, outcome: 'sent' as const, ...digest, ...(size === undefined ? {} : { size }) }
  return { size, isRead: true, isCompressed: false, destinations: [at] }
}

/** The engine is asked for what tells; what it lacks it takes itself. */
async function foreseeEngine(
  image: Image,
  { name, engine }: Served,
  { memory, compression }: WriteContext,
): Promise<Foreseen[]> {
  await engine.ready
  const packs = compression !== undefined && compression.kind !== 'none'
  const known = await Promise.all(
    image.layers.map(async (layer) => {
      const recalled = layer.source.kind === 'store' ? await memory.recall(layer, PLAIN) : undefined
      return recalled ?? (await sizeOf(layer))
    }),
  )
  const diffIds = known.flatMap(({ diffId }) => diffId ?? [])
  const isKnown = diffIds.length === known.length
  const isThere = isKnown && (await engine.images?.has(image.config(diffIds).descriptor.digest)) === true
  const outcome = isThere ? 'present' : 'undecided'
  return known.map(({ size, diffId }) => ({
    size,
    // What is not remembered is read for its digest.
    isRead: packs || diffId === undefined,
    isCompressed: packs,
    destinations: [
      {
        name,
        outcome,
        ...(packs || diffId === undefined ? {} : { digest: diffId, ...(size === undefined ? {} : { size }) }),
      },
    ],
  }))
}

function together(ways: readonly Foreseen[]): Foreseen {
  return {
    size: ways.find(({ size }) => size !== undefined)?.size,
    isRead: ways.some(({ isRead }) => isRead),
    isCompressed: ways.some(({ isCompressed }) => isCompressed),
    destinations: ways.flatMap(({ destinations }) => destinations),
  }
}

function sumUp(layers: readonly ForeseenAt[]): Omit<ForeseenDestination, 'name'> {
  const of = (...outcomes: ForeseenAt['outcome'][]): AmountForeseen =>
    sum(layers.filter(({ outcome }) => outcomes.includes(outcome)))
  return {
    sent: of('sent'),
    mounted: of('mounted'),
    present: of('skipped', 'present'),
    undecided: of('undecided'),
  }
}

function sum(layers: readonly ForeseenAt[]): AmountForeseen {
  const isKnown = layers.every(({ size }) => size !== undefined)
  const bytes = layers.reduce((total, { size = 0 }) => total + size, 0)
  return { layers: layers.length, ...(isKnown ? { bytes } : {}) }
}

/** A blob that is not unpacked has the size that it has everywhere. */
function amountOf(layers: readonly Foreseen[]): Amount {
  const sizes = layers.map(({ size, destinations }) => size ?? destinations[0]!.size ?? 0)
  return { layers: layers.length, bytes: sizes.reduce((total, size) => total + size, 0) }
}
