/** Temporary files go with their process, whatever ends it. */
import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, readdirSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { lifeOf, ownOwner } from '../../src/files/owner.js'
import { Scratch } from '../../src/files/scratch.js'
import { removeOfTheDead, temporaryPath } from '../../src/files/temporary.js'
import { startProgram } from '../support/program.js'
import { directoriesIn, scratchDirectory } from '../support/scratch.js'

const root = scratchDirectory()
const directory = directoriesIn(root)

/** A program that makes a temporary file and directory, says so, and then does as it is told. */
function maker(out: string, then: string): ReturnType<typeof startProgram> {
  return startProgram(
    `const { Scratch } = await import('SRC/files/scratch.js')
     const { PartialFile } = await import('SRC/files/partial-file.js')
     process.chdir(${JSON.stringify(out)})
     new Scratch('.').file()
     PartialFile.create('image.tar').write(Buffer.alloc(10), 0)
     console.log('ready')
     ${then}`,
  )
}

describe('temporary files', () => {
  for (const [what, then] of [
    ['process.exit', 'process.exit(3)'],
    ['an error that nobody caught', "throw new Error('no')"],
    ['a promise that nobody looked at', "Promise.reject(new Error('no')); setInterval(() => {}, 1000)"],
    ['the last line', ''],
  ] as const)
    test(`go at ${what}`, async () => {
      const out = directory()
      await maker(out, then).ended
      assert.deepEqual(readdirSync(out), [])
    })

  test('of a killed run go with the next, those of a living one stay', async () => {
    const out = directory()
    const dead = maker(out, 'setInterval(() => {}, 1000)')
    await dead.spoke
    dead.child.kill('SIGKILL')
    await dead.ended
    assert.equal(readdirSync(out).length, 2)
    const living = maker(out, 'setInterval(() => {}, 1000)')
    await living.spoke
    const names = readdirSync(out)
    assert.equal(names.length, 2)
    removeOfTheDead(out)
    assert.deepEqual(readdirSync(out), names)
    living.child.kill('SIGKILL')
    await living.ended
    new Scratch(out).file()
    assert.ok(!readdirSync(out).some((name) => names.includes(name)))
  })

  test('of another machine go when they are old', () => {
    const out = directory()
    const path = join(out, '.stream-layered-image-00000000-11111111-1-2-0123abcd')
    writeFileSync(path, '')
    removeOfTheDead(out)
    assert.equal(readdirSync(out).length, 1)
    utimesSync(path, new Date(0), new Date(0))
    removeOfTheDead(out)
    assert.deepEqual(readdirSync(out), [])
  })

  test('what only looks like one stays: another name, a directory that others may write to', () => {
    const out = directory()
    const [where] = ownOwner().split('-')
    const dead = `${where}-00000000-1-1`
    assert.equal(lifeOf(dead), 'gone')
    const names = [
      `.stream-layered-image-${dead}`,
      `.stream-layered-image-${dead}-0123abcd.tar`,
      `x-${dead}-0123abcd`,
    ]
    for (const name of names) writeFileSync(join(out, name), '')
    const open = `.stream-layered-image-${dead}-0123abcd`
    mkdirSync(join(out, open))
    chmodSync(join(out, open), 0o777)
    removeOfTheDead(out)
    assert.deepEqual(readdirSync(out).sort(), [...names, open].sort())
  })

  test('names differ', () => {
    const out = directory()
    assert.notEqual(temporaryPath(out), temporaryPath(out))
  })
})

describe('owners', () => {
  test('this process lives; one with its number and another start, or of another boot, is gone', () => {
    const [where, boot, pid, start] = ownOwner().split('-')
    assert.equal(lifeOf(ownOwner()), 'alive')
    assert.equal(lifeOf([where, boot, pid, Number(start) + 1].join('-')), 'gone')
    assert.equal(lifeOf([where, '00000000', pid, start].join('-')), 'gone')
    assert.equal(lifeOf([where, boot, '4194305', start].join('-')), 'gone')
    assert.equal(lifeOf(['00000000', boot, pid, start].join('-')), 'unknown')
    assert.equal(lifeOf('anything'), 'unknown')
  })
})
