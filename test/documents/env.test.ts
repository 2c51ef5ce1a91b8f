import assert from 'node:assert/strict'
import { test } from 'node:test'
import { overlayEnv } from '../../src/documents/env.js'
import { dumps } from '../../src/python/json.js'
import { parseJson } from '../../src/python/parse-json.js'
import { envEntries } from '../../src/spec/env.js'
import { ORACLE } from '../support/image.js'
import { evaluate, skipWithoutPython } from '../support/python.js'

function overlaid(config: string, base: string[]): unknown {
  return JSON.parse(dumps(overlayEnv(parseJson(config), base)))
}

test('without any entry the config stays as it was written', () => {
  for (const config of ['null', '{}', '{"Env": null}', '{"Env": []}', '{"Cmd": [], "Env": []}'])
    assert.deepEqual(overlaid(config, []), JSON.parse(config), config)
})

test("the base's entries come first, and of a name the last one counts", () => {
  const base = ['PATH=/bin', 'A=1=2', 'B']
  assert.deepEqual(overlaid('{"Env": ["A=3", "C=", "=x", "B=1", "C", "="]}', base), {
    Env: ['PATH=/bin', 'A=3', 'B=1', 'C', '='],
  })
  assert.deepEqual(overlaid('{"Env": ["C=1", "C=2"], "x": 1}', []), { Env: ['C=2'], x: 1 })
  for (const config of ['null', '{}', '{"Env": null}', '{"Env": []}'])
    assert.deepEqual(overlaid(config, [...base, 'B=2']), { Env: ['PATH=/bin', 'A=1=2', 'B=2'] }, config)
})

test('entries that are no strings are refused: they set no name', () => {
  for (const env of ['["A", 1]', '[null]', '"A=1"', '{}', '0', 'false'])
    assert.throws(() => overlayEnv(parseJson(`{"Env": ${env}}`), []), { code: 'CONF_INVALID' }, env)
})

const CONFIGS = [
  ...['null', '{}', '{"Env": null}', '{"Env": []}', '{"a": 1, "Env": [], "b": 2}', '{"Cmd": ["x"]}'],
  ...[
    '{"Env": ["A=1"]}',
    '{"x": 1, "Env": ["B", "A=2", "B="], "y": {}}',
    '{"Env": ["=", "", "=1", "A==", "é=\\ud800"]}',
  ],
]

test('base and config in every combination give what the oracle gives', { skip: skipWithoutPython }, () => {
  const pairs = CONFIGS.flatMap((base) => CONFIGS.map((own) => [base, own] as const))
  const load = `
import importlib.util
spec = importlib.util.spec_from_file_location("oracle", ${JSON.stringify(ORACLE)})
oracle = importlib.util.module_from_spec(spec)
spec.loader.exec_module(oracle)
base_and_own = lambda x: [json.loads(text) for text in x]`
  const call =
    '(lambda base, own: json.dumps(oracle.under(oracle.entries(base), own), indent=4))(*base_and_own(x))'
  const expected = evaluate(call, pairs, load)
  for (const [i, [base, own]] of pairs.entries())
    assert.equal(
      dumps(overlayEnv(parseJson(own), envEntries(parseJson(base), ''))),
      expected[i],
      `${base} ${own}`,
    )
})
