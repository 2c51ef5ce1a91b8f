import type { Several } from '../../src/layers/tasks.js'

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

/** One task at a time, however many are asked for, and that after the pool has grown. */
export async function several({ passes }: Several): Promise<unknown> {
  await new Promise((resolve) => setTimeout(resolve, 350))
  return { ok: true, value: [{ ok: true, value: passes[0]!.input }] }
}
