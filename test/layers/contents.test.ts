import assert from 'node:assert/strict'
import { mkdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { checksumLayer } from '../../src/layers/checksum.js'
import { type ContentsTask, readContents } from '../../src/layers/contents.js'
import { fingerprintOf } from '../../src/layers/fingerprint.js'
import { groupOf, groupsOfPlan } from '../../src/layers/groups.js'
import { unpackMembers } from '../../src/layers/packed-members.js'
import { digestOf } from '../../src/model/digest.js'
import type { Recipe } from '../../src/model/recipe.js'
import { block } from '../support/raw-tar.js'
import { scratchDirectory } from '../support/scratch.js'

const root = scratchDirectory()
const owner = { mtime: 1, uid: 0n, gid: 0n, uname: '', gname: '' }
const storeDir = join(root, 'store')
const app = join(storeDir, `${'a'.repeat(32)}-app`)
const lib = join(storeDir, `${'b'.repeat(32)}-lib`)
mkdirSync(join(app, 'bin'), { recursive: true })
writeFileSync(join(app, 'bin', 'run'), 'x'.repeat(1000))
writeFileSync(join(app, 'empty'), '')
writeFileSync(lib, 'one file')

let count = 0
function archive(...blocks: Buffer[]): Recipe {
  const path = join(root, `${count++}.tar`)
  writeFileSync(path, Buffer.concat(blocks))
  const stats = statSync(path)
  const range = { offset: 0, size: stats.size }
  return { kind: 'range', path, fingerprint: fingerprintOf(stats), compression: 'none', range }
}

test('a layer of store paths is summed by store path, as its plan is', async () => {
  const { plan, diffId, size } = checksumLayer({ paths: [app, lib], owner })
  const found = await readContents({ recipe: { kind: 'store', plan, owner }, storeDir })
  assert.deepEqual([found.diffId, found.size, found.problem], [diffId, size, undefined])
  const [, ...paths] = found.groups
  assert.deepEqual(paths, [
    { path: app, members: 4, bytes: 1000 },
    { path: lib, members: 1, bytes: 8 },
  ])
  assert.deepEqual(groupsOfPlan(plan, storeDir), paths)
})

test('names belong to groups by what they mean', () => {
  const of = (name: string): string => groupOf(name, '/nix/store')
  const expected = {
    '/nix/store/a-b/bin/c': '/nix/store/a-b',
    'nix/store/a-b': '/nix/store/a-b',
    './nix//store/./a-b/': '/nix/store/a-b',
    '/nix': '/',
    'nix/store/': '/',
    './': '/',
    '': '/',
    'etc/passwd': '/etc',
    '../../etc/passwd': '/etc',
    nixos: '/nixos',
    'nix/var/db': '/nix',
    '/nix/storeroom/a': '/nix',
  }
  for (const [name, group] of Object.entries(expected)) assert.equal(of(name), group, name)
})

test('a digest of a group tells each change of its members, and nothing else', async () => {
  const digestOf = async (...blocks: Buffer[]): Promise<string | undefined> => {
    const task: ContentsTask = { recipe: archive(...blocks, Buffer.alloc(1024)), storeDir, digests: true }
    return (await readContents(task)).groups.find(({ path }) => path === '/etc')?.digest
  }
  const [a, b, other] = [
    block({ name: 'etc/a', data: 'a' }),
    block({ name: 'etc/b', data: 'b' }),
    block({ name: 'usr', data: 'u' }),
  ]
  const digest = await digestOf(a, b)
  assert.ok(digest)
  assert.equal(await digestOf(other, a, b), digest)
  const changed = [
    [a],
    [b, a],
    [a, block({ name: 'etc/b', data: 'c' })],
    [a, block({ name: 'etc/b', data: 'b', type: '7' })],
    [a, block({ name: 'etc/b', type: '2', linkname: 'a' })],
    [a, b, b],
  ]
  const found = await Promise.all(changed.map((blocks) => digestOf(...blocks)))
  assert.equal(new Set([digest, ...found]).size, changed.length + 1)
  // Members of a group need not stand together.
  const apart = await digestOf(a, other, b)
  assert.equal(await digestOf(a, block({ name: 'opt' }), b), apart)
  assert.notEqual(await digestOf(b, other, a), apart)
})

test('members of the groups that are asked for come with digests of their contents', async () => {
  const recipe = archive(
    block({ name: 'etc/a', data: 'contents' }),
    block({ name: 'usr/b', data: 'other' }),
    block({ name: 'etc/d', type: '5' }),
    Buffer.alloc(1024),
  )
  const { members } = await readContents({ recipe, storeDir, members: ['/etc'] })
  assert.deepEqual(
    [...unpackMembers(members)].map(([, { group, member, digest, offset }]) => [
      group,
      member.name,
      digest,
      offset,
    ]),
    [
      ['/etc', 'etc/a', digestOf(Buffer.from('contents')), 0],
      ['/etc', 'etc/d', undefined, 2048],
    ],
  )
})

test('an archive with something else in it is read to its end for its digest, and has a problem', async () => {
  const good = block({ name: 'etc/a', data: 'a' })
  const recipe = archive(good, Buffer.alloc(512, 'x'), good)
  const { groups, problem, size, diffId } = await readContents({ recipe, storeDir })
  assert.equal(problem, "at byte 1024: expected a member's header, found other bytes")
  assert.equal(size, 2560)
  assert.equal(diffId, digestOf(Buffer.concat([good, Buffer.alloc(512, 'x'), good])))
  assert.deepEqual(groups, [{ path: '/etc', members: 1, bytes: 1 }])
})
