import type { LayerFacts, PathFacts, Totals } from './facts.js'

export function totalsOf(layers: readonly LayerFacts[]): Totals {
  const groups = layers.flatMap(({ storePaths, others }) => [...storePaths, ...others])
  const isRead = layers.every(({ size, problem }) => size !== undefined && problem === undefined)
  const members = isRead ? sum(groups, ({ members }) => members) : undefined
  const bytes = isRead ? sum(groups, ({ bytes }) => bytes) : undefined
  return {
    layers: layers.length,
    ...sumsOf(layers),
    storePaths: new Set(layers.flatMap(({ storePaths }) => storePaths.map(({ path }) => path))).size,
    ...(members === undefined ? {} : { members }),
    ...(bytes === undefined ? {} : { bytes }),
  }
}

/** Of the layers' archives and blobs. */
export function sumsOf(layers: readonly LayerFacts[]): Pick<Totals, 'size' | 'blobSize'> {
  const size = sum(layers, (layer) => layer.size)
  const blobSize = sum(layers, ({ blob }) => blob?.size)
  return { ...(size === undefined ? {} : { size }), ...(blobSize === undefined ? {} : { blobSize }) }
}

/** Undefined where one is not known. */
function sum<T extends LayerFacts | PathFacts>(
  items: readonly T[],
  of: (item: T) => number | undefined,
): number | undefined {
  let total = 0
  for (const item of items) {
    const value = of(item)
    if (value === undefined) return undefined
    total += value
  }
  return total
}
