/** Bounds for JSON from outside, checked before it is parsed: a parser takes some fifty bytes for each level. */

const QUOTE = 0x22
const BACKSLASH = 0x5c

/** Whether arrays and objects stand within each other at most `most` deep. JSON that is damaged may be either. */
export function isNestedAtMost(most: number, json: Uint8Array): boolean {
  let depth = 0
  let inString = false
  for (let i = 0; i < json.length; i++) {
    const byte = json[i]
    if (inString) {
      if (byte === BACKSLASH) i++
      else if (byte === QUOTE) inString = false
    } else if (byte === QUOTE) inString = true
    // [ and {, ] and }: they differ in one bit.
    else if (((byte as number) & 0xdf) === 0x5b) {
      if (++depth > most) return false
    } else if (((byte as number) & 0xdf) === 0x5d) depth--
  }
  return true
}
