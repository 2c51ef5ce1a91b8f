/** Repeatable damage to bytes, for fuzzing. */
import { randomSequence } from './random-sequence.js'

/**
 * A copy of `bytes` with a few random changes: bits flipped, bytes set to telling values, ranges removed,
 * repeated, swapped or zeroed, the end cut off.
 */
export function mutate(bytes: Buffer, seed: number): Buffer {
  const random = randomSequence(seed)
  const below = (limit: number): number => Math.floor(random() * limit)
  let out = Buffer.from(bytes)
  for (let changes = 1 + below(4); changes > 0 && out.length > 0; changes--) {
    // Headers and documents, where damage tells, are at a few places: prefer the starts of blocks.
    const at =
      random() < 0.7
        ? Math.min(out.length - 1, below(Math.ceil(out.length / 512)) * 512 + below(512))
        : below(out.length)
    const end = Math.min(out.length, at + 1 + below(random() < 0.5 ? 16 : 2000))
    const kind = below(8)
    if (kind === 0) out[at] = out[at]! ^ (1 << below(8))
    else if (kind === 1) out[at] = [0, 0x20, 0x30, 0x37, 0x7f, 0x80, 0xff, 0x2f, 0x22][below(9)]!
    else if (kind === 2) out = Buffer.concat([out.subarray(0, at), out.subarray(end)])
    else if (kind === 3) out = Buffer.concat([out.subarray(0, end), out.subarray(at)])
    else if (kind === 4) out.fill(0, at, end)
    else if (kind === 5) out = out.subarray(0, at)
    else if (kind === 6) out.fill(0x37, at, Math.min(end, at + 12))
    else
      out.write(
        ['99999999999', '-1', '../..', 'GNU.sparse', 'null', '1e999', '\\ud800'][below(7)]!,
        at,
        'latin1',
      )
  }
  return out
}

/** Makes a damaged tar header's checksum true again, so that what is wrong lies deeper. */
export function repairChecksums(archive: Buffer): Buffer {
  for (let at = 0; at + 512 <= archive.length; at += 512) {
    if (archive.toString('latin1', at + 257, at + 262) !== 'ustar') continue
    archive.fill(0x20, at + 148, at + 156)
    let sum = 0
    for (let i = at; i < at + 512; i++) sum += archive[i]!
    archive.write(`${sum.toString(8).padStart(6, '0')}\0 `, at + 148, 'latin1')
  }
  return archive
}
