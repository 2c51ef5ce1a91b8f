/** Why a store path is in an image, as lines for people. */
import type { Chain, WhyFacts } from '../inspection/why.js'
import { printable } from './log.js'
import { amount } from './words.js'

/** Of what would go with the path; the largest are shown. */
const MOST_PATHS = 12

export function whyTable({ path, bytes, layers, chains, only, onlyBytes }: WhyFacts): string[] {
  const where = `${layers.length === 1 ? 'layer' : 'layers'} ${layers.join(', ')}`
  return [
    `${path}  ${amount(bytes)}, ${where}`,
    ...chains.flatMap(chainLines),
    ...onlyLines(only, onlyBytes),
  ].map(printable)
}

function chainLines({ reasons, paths }: Chain): string[] {
  const why = reasons.length === 0 ? 'nothing refers to it' : reasons.join(', ')
  return ['', `${why}:`, ...paths.map((path, i) => `${'  '.repeat(i + 1)}${path}`)]
}

function onlyLines(only: WhyFacts['only'], bytes: number): string[] {
  const sorted = only.toSorted((a, b) => b.bytes - a.bytes)
  const shown = sorted.length > MOST_PATHS + 1 ? sorted.slice(0, MOST_PATHS) : sorted
  const left = sorted.length - shown.length
  const width = Math.max(...shown.map((it) => amount(it.bytes).length))
  return [
    '',
    `only for it: ${only.length} store ${only.length === 1 ? 'path' : 'paths'}, ${amount(bytes)}`,
    ...shown.map((it) => `  ${amount(it.bytes).padStart(width)}  ${it.path}`),
    ...(left === 0 ? [] : [`  ${' '.repeat(width)}  … and ${left} more`]),
  ]
}
