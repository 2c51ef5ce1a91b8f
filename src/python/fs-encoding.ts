/**
 * File names as CPython holds them: UTF-8 decoded with the `surrogateescape` handler, so that a byte that
 * is not UTF-8 becomes the lone surrogate U+DC80 + (byte - 0x80) and can be turned back (PEP 383).
 * In this project a "Python string" is a JavaScript string of that kind.
 */
import { ImageError } from '../errors.js'

/** Bytes → Python string (`os.fsdecode`). */
export function fsDecode(bytes: Uint8Array): string {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  const text = buffer.toString('utf8')
  // U+FFFD is what Node puts for an undecodable byte; a name may also really hold one.
  return text.includes('\ufffd') ? decodeEscaped(buffer) : text
}

/** Python string → bytes (`os.fsencode`). @throws ImageError when it holds a surrogate that no byte stands for. */
export function fsEncode(text: string): Buffer {
  return text.isWellFormed() ? Buffer.from(text, 'utf8') : encodeEscaped(text)
}

/** `text` when Node encodes it as Python would, otherwise its bytes: what to pass to a `node:fs` call. */
export function fsPath(text: string): string | Buffer {
  return text.isWellFormed() ? text : encodeEscaped(text)
}

export function isAscii(text: string): boolean {
  return /^[\x00-\x7f]*$/.test(text)
}

/**
 * Order of two Python strings: by code point. JavaScript compares UTF-16 units, which puts astral
 * characters (D800–DBFF units) before U+E000–U+FFFF.
 */
export function compareCodePoints(a: string, b: string): number {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i)
    const y = b.charCodeAt(i)
    if (x !== y) return rank(x) - rank(y)
  }
  return a.length - b.length
}

/** A high surrogate starts an astral character, which ranks above every other unit. */
function rank(unit: number): number {
  return isHigh(unit) ? unit + 0x10000 : unit
}

function isHigh(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdbff
}

function decodeEscaped(bytes: Buffer): string {
  let text = ''
  let i = 0
  while (i < bytes.length) {
    const length = sequenceLength(bytes, i)
    if (length === 0) text += String.fromCharCode(0xdc00 + bytes[i++]!)
    else {
      text += bytes.toString('utf8', i, i + length)
      i += length
    }
  }
  return text
}

/** Length of the well-formed UTF-8 sequence at `i` (Unicode table 3-7), 0 when there is none. */
function sequenceLength(bytes: Buffer, i: number): number {
  const lead = bytes[i]!
  if (lead < 0x80) return 1
  const length =
    lead >= 0xc2 && lead <= 0xdf ? 2 : lead >= 0xe0 && lead <= 0xef ? 3 : lead >= 0xf0 && lead <= 0xf4 ? 4 : 0
  if (length === 0 || i + length > bytes.length) return 0
  const second = bytes[i + 1]!
  const low = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80
  const high = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf
  if (second < low || second > high) return 0
  for (let k = 2; k < length; k++) if ((bytes[i + k]! & 0xc0) !== 0x80) return 0
  return length
}

function encodeEscaped(text: string): Buffer {
  const parts: Buffer[] = []
  for (const character of text) {
    const point = character.codePointAt(0)!
    if (point >= 0xdc80 && point <= 0xdcff) parts.push(Buffer.of(point - 0xdc00))
    else if (point >= 0xd800 && point <= 0xdfff) {
      throw new ImageError(
        'CONF_INVALID',
        `a string holds the lone surrogate U+${point.toString(16).toUpperCase()}, which no file name can hold`,
      )
    } else parts.push(Buffer.from(character, 'utf8'))
  }
  return Buffer.concat(parts)
}
