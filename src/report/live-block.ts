/** The live block: a state as lines of a width. */
import sliceAnsi from 'slice-ansi'
import stringWidth from 'string-width'
import { printable } from './log.js'
import { fractionOf, type State } from './state.js'
import { figures } from './status.js'
import { part, shortPathOf } from './words.js'

/** Paints a part of a line, or leaves it. */
export type Paint = (style: 'bar' | 'faint', text: string) => string

export const unpainted: Paint = (_, text) => text

/** How many layers are named at most. */
const NAMED = 4

/**
 * @param width columns, of which none is exceeded; names that do not fit are cut
 * @param height rows that there are; so many layers fewer are named
 */
export function liveBlock(state: State, width: number, height: number, paint: Paint): string[] {
  const { destinations, underWay, stage } = state
  const title = stage === 'opening' ? [] : [cut(`to ${destinations.map(nameOf).join(', ')}`, width)]
  const room = Math.max(0, Math.min(NAMED, height - 4))
  const named = underWay.slice(0, room).map((it) => {
    const amounts = it.total === 0 ? '' : `  ${part(Math.min(it.done, it.total), it.total)}`
    const what = cut(
      `  ${it.step.padEnd(9)} ${printable(shortPathOf(it.source))}`,
      Math.max(1, width - amounts.length),
    )
    return `${what}${paint('faint', cut(amounts, width - stringWidth(what)))}`
  })
  const more = underWay.length - named.length
  const others = more > 0 && room > 0 ? [paint('faint', cut(`  and ${more} more`, width))] : []
  return [...title, gauge(state, width, paint), ...named, ...others]
}

/** `[=====     ] 41 %  37 of 100 layers  6 s left` */
function gauge(state: State, width: number, paint: Paint): string {
  if (state.stage === 'opening') return cut(figures(state).join('  '), width)
  const fraction = fractionOf(state)
  const length = Math.max(8, Math.min(24, Math.floor(width / 4)))
  const full = Math.floor(fraction * length)
  const bar = paint('bar', `[${'='.repeat(full).padEnd(length)}]`)
  const percent = `${Math.floor(fraction * 100)} %`.padStart(5)
  const parts: string[] = []
  let left = width - length - 2 - percent.length
  for (const figure of figures(state)) {
    if (figure.length + 2 > left) continue
    parts.push(figure)
    left -= figure.length + 2
  }
  return [`${bar}${percent}`, ...parts].join('  ')
}

function nameOf(destination: string): string {
  return destination === '-' ? 'standard output' : printable(destination)
}

/** Columns that a line takes. */
export function widthOf(line: string): number {
  return stringWidth(line)
}

/** The text in at most so many columns. */
function cut(text: string, width: number): string {
  if (width <= 0) return ''
  return stringWidth(text) <= width ? text : `${sliceAnsi(text, 0, width - 1)}…`
}
