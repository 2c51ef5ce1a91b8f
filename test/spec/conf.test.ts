import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { ImageError } from '../../src/errors.js'
import { parseConf, readConf } from '../../src/spec/conf.js'
import { scratchDirectory } from '../support/scratch.js'

const VALID = {
  architecture: 'amd64',
  config: {},
  os: 'linux',
  created: 'now',
  mtime: '1970-01-01T00:00:01Z',
  uid: '0',
  gid: 0,
  uname: 'root',
  gname: 'root',
  store_dir: '/nix/store',
  from_image: null,
  repo_tag: 'a:b',
  store_layers: [['/nix/store/a']],
  customisation_layer: '/nix/store/c',
}

function messageFor(overrides: Record<string, unknown>): string {
  try {
    parseConf(JSON.stringify({ ...VALID, ...overrides }), 'conf.json')
  } catch (error) {
    assert.ok(error instanceof ImageError)
    assert.equal(error.code, 'CONF_INVALID')
    return error.message
  }
  return 'accepted'
}

test('takes what nixpkgs writes, and unknown keys', () => {
  assert.equal(messageFor({}), 'accepted')
  assert.equal(messageFor({ something: 'else', fakeRootCommands: [1] }), 'accepted')
})

test('names the key, what was expected and what was found', () => {
  const cases: [Record<string, unknown>, string][] = [
    [{ uid: 'root' }, 'key "uid": expected an integer, as a number or a string, found "root"'],
    [{ gid: '1.5' }, 'key "gid": expected an integer, as a number or a string, found "1.5"'],
    [{ gid: null }, 'key "gid": expected an integer, as a number or a string, found null'],
    [{ created: 'yesterday' }, 'key "created": expected "now" or an ISO 8601 time, found "yesterday"'],
    [{ mtime: 1 }, 'key "mtime": expected "now" or an ISO 8601 time, found 1'],
    [{ store_layers: {} }, 'key "store_layers": expected a list of lists of store paths, found an object'],
    [
      { store_layers: [['/nix/store/a'], 'b'] },
      'key "store_layers.1": expected a list of store paths, found "b"',
    ],
    [{ store_layers: [['/nix/store/a', 7]] }, 'key "store_layers.0.1": expected a string, found 7'],
    [
      { store_layers: [['/nix/store/a\0b']] },
      'key "store_layers.0.0": expected a string without NUL characters, found "/nix/store/a\\u0000b"',
    ],
    [{ store_layers: [['']] }, 'key "store_layers.0.0": expected a path that is not empty, found ""'],
    [{ config: [] }, 'key "config": expected an object, found a list'],
    [{ from_image: false }, 'key "from_image": expected a path or null, found false'],
    [{ repo_tag: undefined }, 'key "repo_tag": expected this key, found nothing'],
    [{ customisation_layer: undefined }, 'key "customisation_layer": expected this key, found nothing'],
  ]
  for (const [overrides, message] of cases) assert.equal(messageFor(overrides), `conf.json: ${message}`)
})

test('says where the document is no JSON, or no object', () => {
  assert.throws(() => parseConf('{"a": 1,\n  2}', 'x.json'), {
    message: 'x.json: line 2, column 3: expected a key in double quotes, found "2}"',
  })
  assert.throws(() => parseConf('[1]', 'x.json'), { message: 'x.json: expected an object, found a list' })
  assert.throws(() => parseConf('', 'x.json'), { message: /found "the end of the document"/ })
})

test('refuses a file that is not UTF-8, or cannot be read', () => {
  const path = join(scratchDirectory(), 'conf.json')
  writeFileSync(path, Buffer.from([0x7b, 0xff, 0x7d]))
  assert.throws(() => readConf(path), {
    code: 'CONF_INVALID',
    message: `${path}: expected UTF-8 text, found bytes that are not`,
  })
  assert.throws(() => readConf(`${path}/x`), {
    code: 'CONF_UNREADABLE',
    message: /not a directory/,
  })
})

test('with a base, Env must be a list of strings or null; without one it passes through', () => {
  const wrong = [['A=1', 2], [null], 'A=1', {}, 0, [['A=1']]]
  for (const Env of wrong) {
    assert.match(
      messageFor({ config: { Env }, from_image: 'base.tar' }),
      /^conf.json: key "config.Env": expected a list of strings, to go over the base image's, found /,
    )
    assert.equal(messageFor({ config: { Env } }), 'accepted')
  }
  for (const config of [null, {}, { Env: null }, { Env: [] }, { Env: ['A'] }])
    assert.equal(messageFor({ config, from_image: 'base.tar' }), 'accepted')
})

test('reads owners from numbers and strings, as int() does', () => {
  const conf = parseConf(JSON.stringify({ ...VALID, uid: ' 1_000 ', gid: '-5' }), 'x')
  assert.deepEqual([conf.uid, conf.gid], [1000n, -5n])
  for (const [text, value] of [
    ['1e3', 1000n],
    ['-1.9', -1n],
    ['1E30', 10n ** 30n + 19884624838656n],
  ] as const)
    assert.equal(parseConf(JSON.stringify({ ...VALID, uid: 7 }).replace(':7,', `:${text},`), 'x').uid, value)
  assert.throws(() => parseConf(JSON.stringify({ ...VALID, uid: 7 }).replace(':7,', ':1e999,'), 'x'), {
    code: 'CONF_INVALID',
  })
})
