/** Random JSON as text, with what a JavaScript value could not hold: NaN, `1.0`, large integers, equal keys. */
import fc from 'fast-check'

const anyString = fc.oneof(
  fc.string({ maxLength: 8 }),
  fc.string({ unit: 'binary', maxLength: 6 }),
  fc.constantFrom(
    '\ud800',
    '\udfff\ud800',
    '\udcff',
    '"\\/\b\f\n\r\t\x00\x1f\x7f',
    '\u2028\u2029\x85\ufeff',
    '😀',
  ),
)
const stringText = fc.oneof(
  anyString.map((text) => JSON.stringify(text)),
  fc.constantFrom('"\\ud83d\\ude00"', '"\\uD83D x"', '"\\/\\u007F"', '"ü😀"'),
)
const numberText = fc.oneof(
  fc.bigInt({ min: -(10n ** 60n), max: 10n ** 60n }).map(String),
  fc.double().map((value) => (Number.isFinite(value) ? String(value) : value > 0 ? '1e999' : 'NaN')),
  fc.constantFrom(
    '-0',
    '-0.0',
    '0.0',
    '1.0',
    '1E5',
    '1e16',
    '9999999999999998.0',
    '1e22',
    '0.00001',
    '1E-7',
    '-1e400',
  ),
  fc.constantFrom('NaN', 'Infinity', '-Infinity', '9'.repeat(4000)),
)
const keyText = fc.oneof(
  anyString.map((text) => JSON.stringify(text)),
  fc.constantFrom(
    '"10"',
    '"9"',
    '"-1"',
    '"01"',
    '"__proto__"',
    '"constructor"',
    '"Cmd"',
    '"\\u0043md"',
    '""',
  ),
)

const valueText: fc.Arbitrary<string> = fc.letrec<{ value: string }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.oneof(stringText, numberText, fc.constantFrom('null', 'true', 'false', '{ }', '[\n]')),
    fc.integer({ min: 1, max: 150 }).map((depth) => `${'[{"":'.repeat(depth)}0${'}]'.repeat(depth)}`),
    fc.array(tie('value'), { maxLength: 4 }).map((items) => `[${items.join(', ')}]`),
    fc.array(fc.tuple(keyText, tie('value')), { maxLength: 4 }).map(objectText),
  ),
})).value

function objectText(members: readonly (readonly [string, string])[]): string {
  return `{${members.map(([key, value]) => `${key} : ${value}`).join(',\t')}}`
}

const entry = fc.oneof(
  fc.tuple(fc.constantFrom('A', 'B', '', 'PATH', 'é'), fc.constantFrom('', '=', '=1', '=2', '==', '=a=b')),
  fc.tuple(anyString, fc.constantFrom('', '=x')),
)
const envText = fc.oneof(
  fc.constantFrom('null', '[]'),
  fc.array(entry, { maxLength: 6 }).map((entries) => JSON.stringify(entries.map((parts) => parts.join('')))),
)

/** The text of an image's `config`: null, or an object with no `Env`, or one that is null or a list. */
export const configText: fc.Arbitrary<string> = fc.oneof(
  { weight: 1, arbitrary: fc.constantFrom('null', '{}') },
  {
    weight: 6,
    arbitrary: fc
      .tuple(
        fc.array(fc.tuple(keyText, valueText), { maxLength: 3 }),
        fc.array(envText, { maxLength: 2 }),
        fc.array(fc.tuple(keyText, valueText), { maxLength: 2 }),
      )
      .map(([before, envs, after]) =>
        objectText([...before, ...envs.map((text) => ['"Env"', text] as const), ...after]),
      ),
  },
)

export const text = anyString
