import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { compareCodePoints } from '../../src/python/fs-encoding.js'
import { dumps, floatRepr, reprintNumber } from '../../src/python/json.js'
import { JsonSyntaxError, parseJson } from '../../src/python/parse-json.js'
import { isPrintable } from '../../src/python/printable.js'
import { pythonListRepr, pythonRepr } from '../../src/python/repr.js'
import { evaluate, skipWithoutPython } from '../support/python.js'

const anyText = fc.oneof(fc.string({ unit: 'binary' }), fc.string({ unit: 'grapheme' }), fc.string())
const pythonText = fc
  .array(
    fc.oneof(
      fc.string({ unit: 'binary', maxLength: 3 }),
      fc.integer({ min: 0xdc80, max: 0xdcff }).map((u) => String.fromCharCode(u)),
    ),
  )
  .map((parts) => parts.join(''))

test('prints floats as float.__repr__ does', { skip: skipWithoutPython }, () => {
  const values = [
    ...fc.sample(fc.double({ noNaN: true, noDefaultInfinity: true }), { numRuns: 5000, seed: 1 }),
    1e16,
    1e15,
    123456789012345680,
    1e22,
    1e-4,
    1e-5,
    1e-7,
    -0,
    5e-324,
    0.1,
  ]
  const expected = evaluate('repr(float.fromhex(x))', values.map(toHex))
  values.forEach((value, i) => void assert.equal(floatRepr(value), expected[i]))
})

/** A double as text that Python reads back without rounding. */
function toHex(value: number): string {
  const bits = Buffer.alloc(8)
  bits.writeDoubleBE(value)
  const whole = bits.readBigUInt64BE()
  const exponent = Number((whole >> 52n) & 0x7ffn)
  const mantissa = (whole & 0xfffffffffffffn).toString(16).padStart(13, '0')
  const sign = whole >> 63n === 1n ? '-' : ''
  return exponent === 0 ? `${sign}0x0.${mantissa}p-1022` : `${sign}0x1.${mantissa}p${exponent - 1023}`
}

test('passes any JSON document through as json.load and json.dumps do', { skip: skipWithoutPython }, () => {
  const numbers = fc.oneof(
    fc.bigInt({ min: -(10n ** 40n), max: 10n ** 40n }).map(String),
    fc
      .tuple(fc.integer(), fc.nat(), fc.integer({ min: -330, max: 310 }))
      .map(([a, b, e]) => `${a}.${b}e${e}`),
    fc.constantFrom(
      '-0',
      '-0.0',
      '1.0',
      '1E5',
      '1e+5',
      '0.10',
      '1e999',
      '-1e999',
      'NaN',
      'Infinity',
      '-Infinity',
    ),
  )
  const keys = fc
    .oneof(fc.nat().map(String), fc.constantFrom('a', 'b', '__proto__', 'constructor', ''), anyText)
    .map((key) => JSON.stringify(key))
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      numbers,
      fc.constantFrom('null', 'true', 'false'),
      anyText.map((text) => JSON.stringify(text)),
      fc.array(tie('value'), { maxLength: 4 }).map((items) => `[${items.join(', ')}]`),
      fc
        .array(fc.tuple(keys, tie('value')), { maxLength: 5 })
        .map((members) => `{${members.map((m) => m.join(' : ')).join('\n,')}}`),
    ),
  }))
  const documents = fc.sample(value as fc.Arbitrary<string>, { numRuns: 3000, seed: 2 })
  const expected = evaluate('json.dumps(json.loads(x), indent=4)', documents)
  documents.forEach((text, i) => void assert.equal(dumps(parseJson(text)), expected[i], text))
})

test('refuses what json.load refuses', { skip: skipWithoutPython }, () => {
  const seeds = ['{"a": [1, 2.5, "x\\u00e9"], "b": null}', '[true, false, -1e5]', '"text"', '{}']
  const mutants = fc.sample(
    fc.tuple(
      fc.constantFrom(...seeds),
      fc.nat(),
      fc.constantFrom(
        '',
        ',',
        '"',
        '}',
        ']',
        '{',
        '\\',
        '0',
        '01',
        '\n',
        '\t',
        'nul',
        '//',
        '/**/',
        "'",
        '+',
        '.',
        'e',
        '\u0000',
        '\ufeff',
      ),
    ),
    { numRuns: 3000, seed: 3 },
  )
  const texts = mutants.map(
    ([text, at, insert]) =>
      text.slice(0, at % (text.length + 1)) + insert + text.slice((at % (text.length + 1)) + (at % 3)),
  )
  const expected = evaluate('json.dumps(json.loads(x), indent=4)', texts)
  texts.forEach((text, i) => {
    const want = expected[i]
    if (typeof want === 'string') assert.equal(dumps(parseJson(text)), want, JSON.stringify(text))
    else assert.throws(() => parseJson(text), JsonSyntaxError, JSON.stringify(text))
  })
})

test('says where a document goes wrong', () => {
  assert.throws(() => parseJson('{\n  "a": 1,\n  b: 2\n}'), {
    message: 'line 3, column 3: expected a key in double quotes, found "b: 2\\n}"',
  })
  assert.throws(() => parseJson('['.repeat(5000)), { message: /expected at most 990 levels of nesting/ })
})

test('keeps every digit of an integer', () => {
  assert.equal(reprintNumber('123456789012345678901234567890'), '123456789012345678901234567890')
  assert.equal(reprintNumber('-0'), '0')
})

const [unicode] = skipWithoutPython
  ? []
  : evaluate('unicodedata.unidata_version', [null], 'import unicodedata')
const skipWithoutUnicode14 =
  skipWithoutPython || (unicode === '14.0.0' ? false : 'needs CPython 3.11, for its Unicode version')

test('knows the printable characters of Unicode 14', { skip: skipWithoutUnicode14 }, () => {
  const [expected] = evaluate('"".join("01"[chr(point).isprintable()] for point in range(0x110000))', [null])
  let found = ''
  for (let point = 0; point < 0x110000; point++) found += isPrintable(point) ? '1' : '0'
  assert.ok(found === expected)
})

test('prints strings as repr does', { skip: skipWithoutUnicode14 }, () => {
  const texts = [
    ...fc.sample(pythonText, { numRuns: 3000, seed: 4 }),
    `it's`,
    `"it's"`,
    '\u00ad\u200b\u3000\ue000\u0378',
    '\u{1f600}\u{10ffff}',
  ]
  const expected = evaluate('repr(x)', texts)
  texts.forEach((text, i) => void assert.equal(pythonRepr(text), expected[i]))
  assert.deepEqual(evaluate('repr(x)', [texts.slice(0, 3)]), [pythonListRepr(texts.slice(0, 3))])
})

test('orders names by code point, undecodable bytes below U+E000', { skip: skipWithoutPython }, () => {
  const names = [
    ...new Set(fc.sample(pythonText, { numRuns: 2000, seed: 5 })),
    '\ue000',
    '\uffff',
    '\u{10000}',
    '\udc80',
    '\udcff',
    '\ud7ff',
  ]
  const [expected] = evaluate('sorted(x)', [names])
  assert.deepEqual([...names].sort(compareCodePoints), expected)
})
