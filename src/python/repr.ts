/** CPython's `repr` of a string and of a list of strings, as the image's history and log lines show them. */
import { isPrintable } from './printable.js'

/** `repr(text)` (CPython `unicode_repr`): single quotes unless the text holds `'` and no `"`. */
export function pythonRepr(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'"
  let out = quote
  for (const character of text) out += reprCharacter(character, quote)
  return out + quote
}

/** `repr(list)` of a list of strings. */
export function pythonListRepr(texts: readonly string[]): string {
  return `[${texts.map(pythonRepr).join(', ')}]`
}

const NAMED: Record<string, string> = { '\n': '\\n', '\r': '\\r', '\t': '\\t', '\\': '\\\\' }

function reprCharacter(character: string, quote: string): string {
  if (character === quote) return `\\${quote}`
  const named = NAMED[character]
  if (named !== undefined) return named
  const point = character.codePointAt(0)!
  if (isPrintable(point)) return character
  if (point <= 0xff) return `\\x${hex(point, 2)}`
  if (point <= 0xffff) return `\\u${hex(point, 4)}`
  return `\\U${hex(point, 8)}`
}

function hex(value: number, width: number): string {
  return value.toString(16).padStart(width, '0')
}
