import assert from 'node:assert/strict'
import { existsSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { makeDirectories } from '../../src/files/directories.js'
import { scratchDirectory } from '../support/scratch.js'

const root = scratchDirectory()

test('directories are made with those above, and told', () => {
  assert.deepEqual(makeDirectories(join(root, 'a/b/c')), [
    join(root, 'a'),
    join(root, 'a/b'),
    join(root, 'a/b/c'),
  ])
  assert.deepEqual(makeDirectories(join(root, 'a/b/d')), [join(root, 'a/b/d')])
  assert.deepEqual(makeDirectories(join(root, 'a')), [])
  assert.ok(existsSync(join(root, 'a/b/d')))
})

test('where none can be made there is an error, not a search without end', () => {
  writeFileSync(join(root, 'file'), '')
  symlinkSync('nowhere', join(root, 'dangling'))
  for (const path of [
    '/proc/x',
    '/proc/x/y/z',
    '/proc/self/fd/x',
    '/sys/x/y',
    join(root, 'file/x'),
    join(root, 'file'),
  ])
    assert.throws(() => makeDirectories(path), path)
  assert.throws(() => makeDirectories(join(root, 'dangling/x')))
})
