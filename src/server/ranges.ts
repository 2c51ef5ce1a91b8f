/** Byte ranges of HTTP (RFC 9110, 14). */

/** From `start` up to `end`, in bytes. */
interface ByteRange {
  start: number
  end: number
}

/**
 * @param header `Range`; one that is not understood, or names several ranges, is as none
 * @param size of the whole, in bytes
 * @returns undefined for the whole, `unsatisfiable` when nothing of it is there
 */
export function parseRange(
  header: string | undefined,
  size: number,
): ByteRange | undefined | 'unsatisfiable' {
  const [, first = '', last = ''] = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header ?? '') ?? []
  if (first === '' && last === '') return undefined
  if (first === '') {
    const count = Math.min(Number(last), size)
    return count === 0 ? 'unsatisfiable' : { start: size - count, end: size }
  }
  const start = Number(first)
  if (last !== '' && Number(last) < start) return undefined
  if (start >= size) return 'unsatisfiable'
  return { start, end: last === '' ? size : Math.min(Number(last) + 1, size) }
}
