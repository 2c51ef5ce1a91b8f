/** Images of thousands of layers in blob stores: the memory that they take, and the most that are read. */
import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { CLI, runCli, writeConf } from '../support/image.js'
import { archiveOf, writeLayout } from '../support/layout.js'
import { measure } from '../support/measure.js'
import { skipWithoutPython } from '../support/python.js'
import { scratchDirectory } from '../support/scratch.js'

const root = scratchDirectory()
/** What a build may take, in bytes. */
const LIMIT = 350e6

const layout = (name: string, archives: readonly Buffer[]): string =>
  writeLayout(join(root, name), archives).name
const archive = archiveOf(0)
const copies = (count: number): Buffer[] => Array.from({ length: count }, () => archive)

describe('thousands of layers take less than 350 MB', { skip: skipWithoutPython }, () => {
  const base = layout('equal', copies(5000))
  const top = join(root, 'top')
  mkdirSync(top)
  const conf = writeConf(top, { from_image: base })
  const different = layout(
    'different',
    Array.from({ length: 1000 }, (_, i) => archiveOf(i)),
  )
  for (const [name, args] of Object.entries({
    'a base of equal ones, through a pipe': [conf],
    'a base of equal ones, to a file': [conf, '-o', join(root, 'a.tar')],
    'a base of equal ones, to a layout': [conf, '-o', `oci:${join(root, 'a')}`],
    'a copy of different ones, through a pipe': ['copy', different, '-o', '-'],
  }))
    test(name, () => {
      const { memory } = measure('pipe', [process.execPath, CLI, ...args])
      assert.ok(memory > 10e6 && memory < LIMIT, `${memory} bytes`)
    })
})

test('more than 10,000 layers are refused', () => {
  const directory = join(root, 'too-many-top')
  mkdirSync(directory)
  const run = runCli(writeConf(directory, { from_image: layout('too-many', copies(10_001)) }))
  assert.equal(run.status, 1)
  assert.match(run.stderr, /expected at most 10000 layers, found 10001 \[BASE_INVALID\]/)
})
