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

function reprCharacter(character: string, quote: string): string {
  return character === quote || character === '\\' ? `\\${character}` : escapeUnprintable(character)
}

const NAMED: Record<string, string> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }

/** One character as `repr` shows it, but for backslashes and quotes: printable ones as they are. */
export function escapeUnprintable(character: string): string {
  const point = character.codePointAt(0)!
  if (isPrintable(point)) return character
  const named = NAMED[character]
  if (named !== undefined) return named
  if (point <= 0xff) return `\\x${hex(point, 2)}`
  if (point <= 0xffff) return `\\u${hex(point, 4)}`
  return `\\U${hex(point, 8)}`
}

function hex(value: number, width: number): string {
  return value.toString(16).padStart(width, '0')
}

/** The strings of a list's `repr` whose characters need no escapes, as those of store paths. */
export function pythonListPaths(text: string): string[] {
  return [...text.matchAll(/'([^'\\]*)'/g)].map(([, path]) => path!)
}
