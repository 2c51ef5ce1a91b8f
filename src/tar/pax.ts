/** pax records (POSIX.1-2008, pax interchange format), read as CPython's `tarfile` does (`TarInfo._proc_pax`). */
import { ImageError } from '../errors.js'
import { fsDecode } from '../python/fs-encoding.js'

export type PaxRecords = ReadonlyMap<string, string>

/**
 * How much an archive's headers may hold beside their 512-byte blocks, all together. A hundred thousand
 * members of Docker's or CPython's making stay below a half of it; kept in memory it is less than 100 MB.
 */
const MAX_RECORDS = 500_000
const MAX_BYTES = 32 << 20

/** What an archive's headers have set for all members that follow, and what they took so far. */
export class PaxState {
  /** Records of the global headers so far; never changed in place. */
  globals: PaxRecords = new Map()
  private records = 0
  private bytes = 0

  /** @throws ImageError IMAGE_INVALID when it is too much for one archive */
  spend(records: number, bytes: number): void {
    this.records += records
    this.bytes += bytes
    if (this.records <= MAX_RECORDS && this.bytes <= MAX_BYTES) return
    throw new ImageError(
      'IMAGE_INVALID',
      `expected extended headers of at most ${MAX_RECORDS} records and ${MAX_BYTES >> 20} MiB in all, found more`,
    )
  }
}

/**
 * The global records with those of one header over them.
 * @throws ImageError IMAGE_INVALID for a record whose length does not fit
 */
export function decodeRecords(payload: Buffer, state: PaxState): PaxRecords {
  const records = new Map(state.globals)
  const charset = headerCharset(payload)
  if (charset !== undefined) records.set('hdrcharset', charset)
  for (let offset = 0; offset < payload.length; ) {
    const record = recordAt(payload, offset)
    if (record === undefined) break
    const { end, keyStart, keyEnd } = record
    if (keyEnd + 1 >= end || end > payload.length) {
      const length = payload.toString('latin1', offset, Math.min(keyStart - 1, offset + 20))
      throw new ImageError('IMAGE_INVALID', `a pax record has the length ${length}, which does not fit`)
    }
    records.set(fsDecode(payload.subarray(keyStart, keyEnd)), fsDecode(payload.subarray(keyEnd + 1, end - 1)))
    offset = end
  }
  state.spend(records.size, payload.length)
  return records
}

/** The first `N hdrcharset=VALUE\n`, wherever it stands, as CPython looks for it; in linear time. */
function headerCharset(payload: Buffer): string | undefined {
  for (let at = payload.indexOf(CHARSET); at >= 0; at = payload.indexOf(CHARSET, at + 1)) {
    const start = at + CHARSET.length
    const end = payload.indexOf(NEWLINE, start)
    if (end < 0) return undefined
    if (end > start && isDigit(payload[at - 1])) return fsDecode(payload.subarray(start, end))
  }
  return undefined
}

/** The record `LEN KEY=VALUE\n` at an offset; undefined when there is none. `end` may lie anywhere. */
function recordAt(
  payload: Buffer,
  offset: number,
): { keyStart: number; keyEnd: number; end: number } | undefined {
  let at = offset
  let length = 0
  for (; isDigit(payload[at]); at++) length = Math.min(length * 10 + payload[at]! - ZERO, payload.length + 1)
  if (at === offset || payload[at] !== SPACE) return undefined
  const keyEnd = payload.indexOf(EQUALS, at + 1)
  return keyEnd <= at + 1 ? undefined : { keyStart: at + 1, keyEnd, end: offset + length }
}

const CHARSET = ' hdrcharset='
const NEWLINE = 0x0a
const SPACE = 0x20
const EQUALS = 0x3d
const ZERO = 0x30

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= ZERO && byte <= 0x39
}
