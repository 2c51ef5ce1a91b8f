import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { checksumLayer } from '../../src/layers/checksum.js'
import { readContents } from '../../src/layers/contents.js'
import { DirectorySums } from '../../src/layers/directories.js'
import { groupsOfPlan } from '../../src/layers/groups.js'
import { scratchDirectory } from '../support/scratch.js'

test('a directory has what is below it; small ones are in those above them', () => {
  const sums = new DirectorySums()
  sums.add('/s/app', '/s/app', 0)
  sums.add('/s/app', '/s/app/share', 0)
  sums.add('/s/app', '/s/app/share/doc/readme', 5000)
  sums.add('/s/app', '/s/app/share/man/page', 2000)
  sums.add('/s/app', '/s/app/share/tiny/page', 1)
  sums.add('/s/app', '/s/app/run', 100)
  sums.add('/s/lib', '/s/lib/lib/so', 7000)
  assert.deepEqual(Object.fromEntries(sums.finish()), {
    '/s/app': [
      { path: 'share', members: 3, bytes: 7001 },
      { path: 'share/doc', members: 1, bytes: 5000 },
      { path: 'share/man', members: 1, bytes: 2000 },
    ],
    '/s/lib': [{ path: 'lib', members: 1, bytes: 7000 }],
  })
})

test('depth and number have bounds, and nothing is lost to them', () => {
  const sums = new DirectorySums()
  for (let i = 0; i < 1000; i++) sums.add('/usr', `/usr/d${i}/a/b/c/d/e/f/g/file`, 10)
  const found = sums.finish().get('/usr')!
  assert.equal(found.length, 400)
  assert.ok(found.every(({ path }) => path.split('/').length <= 6))
  const top = found.filter(({ path }) => !path.includes('/'))
  assert.ok(top.length > 0 && top.every(({ bytes }) => bytes === 10))
})

test('an archive has the sums that its plan has', async () => {
  const root = scratchDirectory()
  const storeDir = join(root, 'store')
  const app = join(storeDir, `${'a'.repeat(32)}-app`)
  for (const [name, bytes] of [
    ['bin/run', 900],
    ['lib/deep/er/lib.so', 5000],
    ['lib/other.so', 100],
  ] as const) {
    mkdirSync(dirname(join(app, name)), { recursive: true })
    writeFileSync(join(app, name), 'x'.repeat(bytes))
  }
  const owner = { mtime: 1, uid: 0n, gid: 0n, uname: '', gname: '' }
  const { plan } = checksumLayer({ paths: [app], owner })
  const task = { recipe: { kind: 'store', plan, owner } as const, storeDir, detailed: true }
  const { groups } = await readContents(task)
  const found = groups.find(({ path }) => path === app)
  assert.deepEqual(
    found?.directories?.map(({ path, bytes, members }) => [path, bytes, members]),
    [
      ['lib', 5100, 4],
      ['lib/deep', 5000, 2],
      ['lib/deep/er', 5000, 1],
      ['bin', 900, 1],
    ],
  )
  assert.deepEqual(groupsOfPlan(plan, storeDir, true), [found])
})
