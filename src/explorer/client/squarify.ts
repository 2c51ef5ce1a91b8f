/** A squarified treemap (Bruls, Huizing, van Wijk: "Squarified Treemaps", 2000): rectangles as near to squares as can be. */

export interface Rectangle {
  x: number
  y: number
  width: number
  height: number
}

/**
 * @param weights the largest first
 * @returns a rectangle for each, with an area of its part of the whole
 */
export function squarify(weights: readonly number[], { x, y, width, height }: Rectangle): Rectangle[] {
  const sum = weights.reduce((total, weight) => total + weight, 0)
  const found: Rectangle[] = []
  if (sum <= 0 || width <= 0 || height <= 0) return weights.map(() => ({ x, y, width: 0, height: 0 }))
  const scale = (width * height) / sum
  const free = { x, y, width, height }
  for (let from = 0; from < weights.length; ) {
    const side = Math.min(free.width, free.height)
    let to = from
    let area = 0
    let worst = Number.POSITIVE_INFINITY
    // A strip takes one more as long as its rectangles become no longer by it.
    while (to < weights.length) {
      const next = area + weights[to]! * scale
      const ratio = worstOf(weights[from]! * scale, weights[to]! * scale, next, side)
      if (ratio > worst) break
      worst = ratio
      area = next
      to++
    }
    found.push(...strip(weights.slice(from, to), area, scale, free))
    from = to
  }
  return found
}

/** The longest of a strip's rectangles: side by side. */
function worstOf(largest: number, smallest: number, area: number, side: number): number {
  const square = side * side
  return Math.max((square * largest) / (area * area), (area * area) / (square * smallest || 1e-9))
}

/** Lays a strip along the shorter side of what is free, and takes it from that. */
function strip(weights: readonly number[], area: number, scale: number, free: Rectangle): Rectangle[] {
  const isUpright = free.width >= free.height
  const side = isUpright ? free.height : free.width
  const depth = side === 0 ? 0 : area / side
  let at = isUpright ? free.y : free.x
  const found = weights.map((weight): Rectangle => {
    const length = depth === 0 ? 0 : (weight * scale) / depth
    const place = isUpright
      ? { x: free.x, y: at, width: depth, height: length }
      : { x: at, y: free.y, width: length, height: depth }
    at += length
    return place
  })
  if (isUpright) {
    free.x += depth
    free.width -= depth
  } else {
    free.y += depth
    free.height -= depth
  }
  return found
}
