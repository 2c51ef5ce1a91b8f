/** Which element an arrow key leads to. */

/** An element's two spans, turned so that the key leads to larger numbers of the first. */
type Turned = readonly [start: number, end: number, from: number, to: number]

const TURNS: Record<string, (place: DOMRect) => Turned> = {
  ArrowRight: ({ left, right, top, bottom }) => [left, right, top, bottom],
  ArrowLeft: ({ left, right, top, bottom }) => [-right, -left, top, bottom],
  ArrowDown: ({ left, right, top, bottom }) => [top, bottom, left, right],
  ArrowUp: ({ left, right, top, bottom }) => [-bottom, -top, left, right],
}

/** Pixels that neighbours may overlap. */
const OVERLAP = 2

/** The element that begins where this one ends in the key's direction, or as near to that as any. */
export function nearest<T extends Element>(here: T, all: readonly T[], key: string): T | undefined {
  const turn = TURNS[key]
  if (turn === undefined) return undefined
  const [, end, from, to] = turn(here.getBoundingClientRect())
  let best: { element: T; distance: number } | undefined
  for (const element of all) {
    if (element === here) continue
    const [start, , first, last] = turn(element.getBoundingClientRect())
    const ahead = start - end
    if (ahead < -OVERLAP) continue
    const aside = Math.max(0, first - to, from - last)
    // Of those that are as near, the one whose corner is.
    const distance = ahead + aside * 3 + Math.abs(first - from) / 1000
    if (best === undefined || distance < best.distance) best = { element, distance }
  }
  return best?.element
}
