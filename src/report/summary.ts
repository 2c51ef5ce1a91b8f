/** What became of a delivery, in a few lines. */
import type { BuildResult, DestinationResult, IndexResult } from '../options.js'
import type { State } from './state.js'
import { amount, count, duration } from './words.js'

/** @param at milliseconds, as in the state */
export function summaryOf(result: BuildResult | IndexResult, { startedAt }: State, at: number): string[] {
  const images = 'images' in result ? result.images : [result]
  const layers = images.reduce((sum, image) => sum + image.layers.length, 0)
  const digest =
    'images' in result
      ? `index ${result.manifestDigest}`
      : result.manifestDigest === undefined
        ? `image ID ${result.imageId}`
        : `manifest ${result.manifestDigest}`
  return [
    ...(result.destinations ?? []).map((it) => destinationLine(it, layers)),
    digest,
    `done in ${duration((at - startedAt) / 1000)}`,
  ]
}

/** `docker-daemon:app: 102 layers, 100 there already, 2 taken (30 kB)` */
function destinationLine(result: DestinationResult, layers: number): string {
  const { name, bytes, uploaded, mounted, skipped, taken, present } = result
  const there = skipped ?? present
  const moved = Object.entries({ mounted, uploaded, taken }).flatMap(([what, it]) =>
    it === undefined || (what === 'mounted' && it.layers === 0)
      ? []
      : [`${it.layers} ${what} (${amount(it.bytes)})`],
  )
  const parts = [
    count(layers),
    ...(there === undefined ? [] : [`${there.layers} there already`]),
    ...moved,
    ...(bytes === undefined ? [] : [amount(bytes)]),
  ]
  return `${name === '-' ? 'standard output' : name.replace(/:$/, '')}: ${parts.join(', ')}`
}
