/** Differences that are planted one at a time: each is named once, and nothing else is. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { diffOpened } from '../../src/diff-images.js'
import { inRun } from '../../src/in-run.js'
import { differenceLines } from '../../src/report/differences.js'
import { openAny } from '../../src/sources/any.js'
import { scratchDirectory } from '../support/scratch.js'
import { leavesOf } from './leaves.js'
import { PLANTS } from './plants.js'
import { smallImage, writeArchive } from './small-image.js'

const root = scratchDirectory()

test('each of two hundred kinds of difference is named once, and nothing else is', async (t) => {
  assert.ok(PLANTS.length >= 200, `${PLANTS.length}`)
  const before = writeArchive(join(root, 'before.tar'), smallImage())
  await inRun({ threads: 1 }, async (run) => {
    const diff = async (from: string, to: string) =>
      diffOpened(
        { name: from, ...(await openAny(from, run)) },
        { name: to, ...(await openAny(to, run)) },
        run,
      )
    const same = await diff(before, writeArchive(join(root, 'same.tar'), smallImage()))
    assert.deepEqual([same.equal, leavesOf(same), differenceLines(same)], [true, [], []])
    for (const [i, { title, change, told }] of PLANTS.entries()) {
      const image = smallImage()
      change(image)
      const after = writeArchive(join(root, `${i}.tar`), image)
      const found = await diff(before, after)
      await t.test(title, () => {
        assert.deepEqual(leavesOf(found).sort(), [...told].sort(), JSON.stringify(found.layers))
        assert.equal(found.equal, false)
        // Its two names, what it takes, and something between.
        const lines = differenceLines(found)
        assert.ok(lines.length > 3)
        if (found.layers.length === 0) assert.equal(new Set(lines).size, lines.length, lines.join('\n'))
      })
    }
  })
})
