/** What became of a delivery, in a few lines. */
import type {
  Amount,
  AmountForeseen,
  DestinationResult,
  DryRunResult,
  ForeseenDestination,
} from '../results.js'
import type { Result } from './reporter.js'
import type { State } from './state.js'
import { amount, count, duration } from './words.js'

/** @param at milliseconds, as in the state */
export function summaryOf(result: Result, { startedAt }: State, at: number): string[] {
  if ('dryRun' in result) return dryRunSummary(result)
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

function dryRunSummary({ destinations, total }: DryRunResult): string[] {
  const { read, compressed, sent } = total
  const totals = [
    `${count(read.layers)} to read${inBytes(read)}`,
    ...(compressed.layers > 0 ? [`${compressed.layers} to compress${inBytes(compressed)}`] : []),
    `${sent.layers} to send${inBytes(sent)}`,
  ]
  return [...destinations.map(foreseenLine), `in all: ${totals.join(', ')}`, 'nothing was written']
}

/** `docker://registry.example/app:1: 102 layers, 100 there already, 2 to send` */
function foreseenLine({ name, present, mounted, sent, undecided }: ForeseenDestination): string {
  const layers = [present, mounted, sent, undecided].reduce((sum, it) => sum + it.layers, 0)
  const parts = [
    count(layers),
    ...(present.layers > 0 || sent.layers > 0 ? [`${present.layers} there already`] : []),
    ...(mounted.layers > 0 ? [`${mounted.layers} to mount${inBytes(mounted)}`] : []),
    ...(undecided.layers > 0
      ? ['of which it takes what it lacks']
      : [`${sent.layers} to send${inBytes(sent)}`]),
  ]
  return `${nameOf(name)}: ${parts.join(', ')}`
}

function inBytes({ layers, bytes }: Amount | AmountForeseen): string {
  return layers === 0 || bytes === undefined ? '' : ` (${amount(bytes)})`
}

function nameOf(destination: string): string {
  return destination === '-' ? 'standard output' : destination.replace(/:$/, '')
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
  return `${nameOf(name)}: ${parts.join(', ')}`
}
