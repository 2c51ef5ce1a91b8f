/**
 * JSON values as CPython's `json` module holds and prints them. Objects are Maps, because a JavaScript
 * object would move integer-like keys to the front; numbers keep their text, because a double would lose
 * the digits of a large integer and the `.0` of `1.0`.
 */

export class JsonNumber {
  /** @param text the number as `json.dumps` prints it */
  constructor(readonly text: string) {}
}

export type JsonObject = Map<string, Json>
export type Json = null | boolean | string | JsonNumber | Json[] | JsonObject

/** `json.dumps(value, indent=4)`: no trailing newline, everything but printable ASCII escaped. */
export function dumps(value: Json): string {
  return encode(value, '\n')
}

function encode(value: Json, newline: string): string {
  if (value === null) return 'null'
  if (typeof value === 'boolean') return value ? 'true' : 'false'
  if (typeof value === 'string') return encodeString(value)
  if (value instanceof JsonNumber) return value.text
  const inner = `${newline}    `
  if (Array.isArray(value)) {
    if (value.length === 0) return '[]'
    return `[${inner}${value.map((item) => encode(item, inner)).join(`,${inner}`)}${newline}]`
  }
  if (value.size === 0) return '{}'
  const members = [...value].map(([key, item]) => `${encodeString(key)}: ${encode(item, inner)}`)
  return `{${inner}${members.join(`,${inner}`)}${newline}}`
}

const ESCAPES: Record<string, string> = {
  '"': '\\"',
  '\\': '\\\\',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\f': '\\f',
  '\b': '\\b',
}

function encodeString(text: string): string {
  const escaped = text.replace(
    /["\\]|[^ -~]/g,
    (unit) => ESCAPES[unit] ?? `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
  return `"${escaped}"`
}

/**
 * A number's text in a JSON document → its text when CPython prints it again. Integers keep every digit
 * (`-0` becomes `0`); anything with a fraction or an exponent goes through a double.
 */
export function reprintNumber(source: string): string {
  if (/^-?\d+$/.test(source)) return source === '-0' ? '0' : source
  return floatRepr(Number(source))
}

/**
 * `float.__repr__`: the shortest digits that read back, as JavaScript finds them too; the exponent form
 * from 1e16 up and below 1e-4, with at least two exponent digits, otherwise always with a fraction.
 */
export function floatRepr(value: number): string {
  if (Number.isNaN(value)) return 'NaN'
  if (!Number.isFinite(value)) return value > 0 ? 'Infinity' : '-Infinity'
  const sign = value < 0 || Object.is(value, -0) ? '-' : ''
  const [mantissa, exponentText] = Math.abs(value).toExponential().split('e') as [string, string]
  const digits = mantissa.replace('.', '')
  const exponent = value === 0 ? 0 : Number(exponentText)
  if (exponent < -4 || exponent >= 16) {
    const fraction = digits.length > 1 ? `.${digits.slice(1)}` : ''
    const size = String(Math.abs(exponent)).padStart(2, '0')
    return `${sign}${digits[0]}${fraction}e${exponent < 0 ? '-' : '+'}${size}`
  }
  if (exponent < 0) return `${sign}0.${'0'.repeat(-exponent - 1)}${digits}`
  const whole = digits.slice(0, exponent + 1).padEnd(exponent + 1, '0')
  return `${sign}${whole}.${digits.slice(exponent + 1) || '0'}`
}
