/** What has become of an image and its layers at all destinations, together. */
import type { BuildResult, LayerAt, LayerResult } from '../results.js'
import type { Finished, WriteContext } from './written.js'

/** @param finished all of it, at least one */
export function resultOf(
  finished: readonly Finished[],
  { destinations, memory }: Pick<WriteContext, 'destinations' | 'memory'>,
): BuildResult {
  const { imageId, layers } = finished[0]!
  const outcomes = new Map(finished.flatMap(({ outcomes }) => [...outcomes]))
  const named = destinations.flatMap((it) =>
    it.name === undefined ? [] : [{ name: it.name, ...outcomes.get(it)?.result }],
  )
  const bytes = finished.find((it) => it.bytes !== undefined)?.bytes
  const manifestDigest = named.find((it) => it.manifestDigest !== undefined)?.manifestDigest
  return {
    imageId,
    layers: layersAt(
      layers,
      destinations.map((it) => ({ name: it.name, layers: outcomes.get(it)?.layers ?? [] })),
    ),
    ...(bytes === undefined ? {} : { bytes }),
    ...(manifestDigest === undefined ? {} : { manifestDigest }),
    ...(named.length === 0 ? {} : { destinations: named }),
    ...(memory.isOn ? { cache: { ...memory.counts } } : {}),
  }
}

/** @returns the layers with what became of them at the destinations, as far as they have names */
export function layersAt(
  layers: readonly LayerResult[],
  destinations: readonly { name: string | undefined; layers: readonly Omit<LayerAt, 'name'>[] }[],
): LayerResult[] {
  const named = destinations.flatMap(({ name, layers }) => (name === undefined ? [] : [{ name, layers }]))
  if (named.length === 0) return [...layers]
  return layers.map((layer, i) => ({
    ...layer,
    destinations: named.map(({ name, layers }) => ({ name, ...layers[i]! })),
  }))
}
