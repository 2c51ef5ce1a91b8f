import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isLocalTimeKnown, isoFormat, parseIsoFormat, timestamp } from '../../src/python/datetime.js'
import { evaluate, skipWithoutPython } from '../support/python.js'

const number = (min: number, max: number, width: number): fc.Arbitrary<string> =>
  fc.integer({ min, max }).map((value) => String(value).padStart(width, '0'))
const year = number(1, 9999, 4)
const date = fc.oneof(
  fc.tuple(year, number(1, 12, 2), number(1, 31, 2)).map(([y, m, d]) => `${y}-${m}-${d}`),
  fc.tuple(year, number(1, 12, 2), number(1, 31, 2)).map(([y, m, d]) => `${y}${m}${d}`),
  fc.tuple(year, number(0, 54, 2), number(0, 8, 1)).map(([y, w, d]) => `${y}-W${w}-${d}`),
  fc.tuple(year, number(0, 54, 2), number(0, 8, 1)).map(([y, w, d]) => `${y}W${w}${d}`),
  fc.tuple(year, number(1, 53, 2)).map(([y, w]) => `${y}-W${w}`),
  fc.tuple(year, number(1, 53, 2)).map(([y, w]) => `${y}W${w}`),
)
const fraction = fc.oneof(
  fc.constant(''),
  fc.tuple(fc.constantFrom('.', ','), number(0, 999999999, 1)).map((p) => p.join('')),
)
const clock = fc
  .tuple(
    number(0, 24, 2),
    number(0, 60, 2),
    number(0, 60, 2),
    fraction,
    fc.integer({ min: 1, max: 3 }),
    fc.constantFrom('', ':'),
  )
  .map(([h, m, s, f, parts, separator]) => [h, m, s].slice(0, parts).join(separator) + (parts === 3 ? f : ''))
const offset = fc.oneof(
  fc.constantFrom('', 'Z'),
  fc.tuple(fc.constantFrom('+', '-'), clock).map((parts) => parts.join('')),
)
const moment = fc.oneof(
  date,
  fc
    .tuple(date, fc.constantFrom('T', ' ', 't', '_', '-', 'é', '𝕏', '5'), clock, offset)
    .map((parts) => parts.join('')),
  fc.string({ maxLength: 30 }),
)

const PRELUDE = `
import datetime
def read(text):
    t = datetime.datetime.fromisoformat(text)
    return [t.isoformat(), int(t.timestamp())]
`

test('reads and prints times as datetime.fromisoformat, isoformat and timestamp do', {
  skip: skipWithoutPython,
}, () => {
  for (const zone of ['UTC', 'Europe/Berlin', 'America/St_Johns', 'Asia/Kathmandu', '<+03>-3', 'right/UTC']) {
    process.env.TZ = zone
    const texts = fc.sample(moment, { numRuns: 4000, seed: 7 }).filter((text) => text.isWellFormed())
    const expected = evaluate('read(x)', texts, PRELUDE)
    let valid = 0
    let known = 0
    for (const [i, text] of texts.entries()) {
      const found = parseIsoFormat(text)
      const want = expected[i]
      const label = `${zone} ${JSON.stringify(text)}`
      if (!Array.isArray(want)) {
        assert.equal(found, undefined, label)
        continue
      }
      valid++
      assert.ok(found !== undefined, label)
      assert.equal(isoFormat(found), want[0], label)
      if (!isLocalTimeKnown(found)) continue
      known++
      assert.equal(timestamp(found), want[1], label)
    }
    assert.ok(valid > 500 && known > 300, `${valid} valid times, ${known} of them known`)
  }
})
