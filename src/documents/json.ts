/** JSON that others wrote, within bounds. */

/** Bytes of a manifest, an index or another document: what registries take at most (OCI distribution specification 1.1). */
export const MAX_DOCUMENT = 4 << 20

/** Levels of arrays and objects: no document of this field has as many, and parsing more takes memory out of proportion. */
export const MAX_DEPTH = 64

/** @throws SyntaxError for what is no JSON, or nested too deeply */
export function parseDocument(bytes: Buffer): unknown {
  if (isTooDeep(bytes)) throw new SyntaxError(`nested more than ${MAX_DEPTH} deep`)
  return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
}

/** As {@link parseDocument}; undefined where that throws. */
export function documentIn(bytes: Buffer): unknown {
  try {
    return parseDocument(bytes)
  } catch {
    return undefined
  }
}

const QUOTE = 0x22
const BACKSLASH = 0x5c

/** Whether arrays and objects stand too deeply within each other. JSON that is damaged may be either. */
export function isTooDeep(bytes: Buffer): boolean {
  let depth = 0
  let inText = false
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i]!
    if (inText) {
      if (byte === BACKSLASH) i++
      else if (byte === QUOTE) inText = false
    } else if (byte === QUOTE) inText = true
    else if (byte === 0x5b || byte === 0x7b) {
      if (++depth > MAX_DEPTH) return true
    } else if (byte === 0x5d || byte === 0x7d) depth--
  }
  return false
}
