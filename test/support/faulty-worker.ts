/** A worker whose tasks fail in the ways that threads can. */
export function checksum(): never {
  process.exit(7)
}

export function openCustomisation(): never {
  throw 'no Error at all'
}

export function openBase(): never {
  const hoard: number[][] = []
  for (;;) hoard.push(new Array<number>(1 << 24).fill(hoard.length))
}
