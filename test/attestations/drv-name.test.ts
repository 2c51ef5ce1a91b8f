import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nameAndVersion, packageNameOf, storeHashOf } from '../../src/attestations/drv-name.js'
import { fromNixBase32, nixBase32 } from '../../src/layers/nar.js'
import { command, skipWithout } from '../support/clients.js'

const NAMES = [
  ...[
    'hello-2.12.1',
    'nix-0.12pre12876',
    'glibc-2.35-224-bin',
    'bash-interactive-5.2-p15',
    'libc',
    'a-',
    '-1',
  ],
  ...['python3.11-requests-2.31.0', 'source', 'x--1', 'ncurses-6.4.20221231-man', 'a-é1', 'a-_b-1', 'a-\n1'],
]

test('names and versions are those of builtins.parseDrvName', {
  skip: skipWithout('nix-instantiate'),
}, () => {
  const expression = `map builtins.parseDrvName (builtins.fromJSON ''${JSON.stringify(NAMES)}'')`
  const answer = command('nix-instantiate', ['--eval', '--strict', '--json', '--expr', expression])
  const expected = (JSON.parse(answer) as { name: string; version: string }[]).map(({ name, version }) => ({
    ...{ name, version: version === '' ? undefined : version },
  }))
  assert.deepEqual(NAMES.map(nameAndVersion), expected)
})

test('the name of a store path is what follows its hash', () => {
  const path = '/nix/store/0c4adk1jxmm7x3jmqsnpr7kmn1zcqkfb-hello-2.12'
  assert.equal(packageNameOf(path), 'hello-2.12')
  assert.equal(storeHashOf(path), '0c4adk1jxmm7x3jmqsnpr7kmn1zcqkfb')
  assert.equal(packageNameOf('/elsewhere/hello-2.12'), 'hello-2.12')
  assert.equal(storeHashOf('/elsewhere/hello-2.12'), undefined)
})

test("Nix's base 32 is read as it is written", () => {
  for (const bytes of [
    Buffer.alloc(32),
    Buffer.alloc(32, 255),
    Buffer.from(Array.from({ length: 32 }, (_, i) => i * 7)),
  ])
    assert.deepEqual(fromNixBase32(nixBase32(bytes)), bytes)
})
