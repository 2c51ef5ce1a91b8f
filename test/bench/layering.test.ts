import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compareLayers, layeringTable } from '../../bench/layering.js'

test('over a series of changes ours is never more to take, and less than half in sum', () => {
  const compared = compareLayers(250, 99, 1)
  assert.ok(compared.length >= 10)
  for (const client of ['registry', 'docker', 'podman'] as const) {
    for (const { change, nixpkgs, ours } of compared)
      assert.ok(ours[client] <= nixpkgs[client], `${client}: ${change}: ${ours[client]} > ${nixpkgs[client]}`)
    const sum = (of: 'nixpkgs' | 'ours'): number => compared.reduce((all, it) => all + it[of][client], 0)
    assert.ok(sum('ours') * 2 < sum('nixpkgs'), client)
  }
  assert.match(layeringTable(compared), /\| \*\*sum\*\* \|/)
})
