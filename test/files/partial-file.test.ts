/** Files that appear whole, in place of what may be replaced, with its mode, and never of what may not. */
import assert from 'node:assert/strict'
import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { PartialFile, writeWhole } from '../../src/files/partial-file.js'
import { hasCode } from '../blob-stores/suite.js'
import { command, skipWithout } from '../support/clients.js'
import { startProgram } from '../support/program.js'
import { directoriesIn, scratchDirectory } from '../support/scratch.js'

const root = scratchDirectory()
const directory = directoriesIn(root)

function modeOf(path: string): number {
  return statSync(path).mode & 0o7777
}

describe('a file that appears whole', () => {
  test('finishing and appearing are two steps', async () => {
    const out = directory()
    const path = join(out, 'file')
    writeFileSync(path, 'old')
    const file = PartialFile.create(path)
    file.write(Buffer.from('new'), 1)
    await file.finish(5)
    assert.equal(readFileSync(file.path, 'latin1'), '\0new\0')
    assert.equal(readFileSync(path, 'utf8'), 'old')
    await file.publish()
    assert.equal(readFileSync(path, 'latin1'), '\0new\0')
    assert.deepEqual(readdirSync(out), ['file'])
    file.discard()
    assert.equal(readFileSync(path, 'latin1'), '\0new\0')
  })

  test('what is discarded leaves nothing, finished or not', async () => {
    const out = directory()
    PartialFile.create(join(out, 'one')).discard()
    const two = PartialFile.create(join(out, 'two'))
    await two.finish(0)
    two.discard()
    assert.deepEqual(readdirSync(out), [])
  })

  for (const mode of [0o600, 0o640, 0o444, 0o755, 0o4711])
    test(`a mode of ${mode.toString(8)} stays`, async () => {
      const path = join(directory(), 'file')
      writeFileSync(path, 'old')
      chmodSync(path, mode)
      const file = PartialFile.create(path)
      assert.equal(modeOf(file.path), 0o600)
      await file.finish(0)
      await file.publish()
      assert.equal(modeOf(path), mode)
    })

  test('a new file has the mode that new files have', async () => {
    const out = directory()
    writeFileSync(join(out, 'usual'), '')
    await writeWhole(join(out, 'new'), 'text')
    assert.equal(modeOf(join(out, 'new')), modeOf(join(out, 'usual')))
  })

  test('an owner stays where it can', { skip: skipWithout() }, async () => {
    const path = join(directory(), 'file')
    writeFileSync(path, 'old')
    chownSync(path, 1234, 4321)
    chmodSync(path, 0o4750)
    await writeWhole(path, 'new')
    const { uid, gid } = statSync(path)
    assert.deepEqual([uid, gid, modeOf(path)], [1234, 4321, 0o4750])
  })

  test('another group gets nothing of what a group was granted', { skip: skipWithout() }, async () => {
    const out = directory()
    const path = join(out, 'file')
    writeFileSync(path, 'old')
    const own = join(out, 'own')
    chownSync(path, 0, 4321)
    chmodSync(path, 0o664)
    chmodSync(out, 0o777)
    for (let above = root; above !== '/tmp' && above !== '/'; above = join(above, '..'))
      chmodSync(above, 0o755)
    const { ended } = startProgram(
      `process.setgroups([]); process.setgid(1111); process.setuid(1111)
       const { writeWhole } = await import('SRC/files/partial-file.js')
       const { chmodSync, statSync, writeFileSync } = await import('node:fs')
       await writeWhole(${JSON.stringify(path)}, 'new')
       writeFileSync(${JSON.stringify(own)}, 'old')
       chmodSync(${JSON.stringify(own)}, 0)
       await writeWhole(${JSON.stringify(own)}, 'new')`,
    )
    const { status, stderr } = await ended
    assert.equal(status, 0, stderr)
    const { uid, gid } = statSync(path)
    assert.deepEqual([uid, gid, modeOf(path)], [1111, 1111, 0o604])
    // A file that its own user may neither read nor write.
    assert.deepEqual([modeOf(own), readFileSync(own, 'utf8')], [0, 'new'])
  })

  test('a symbolic link stays, and what it leads to is made, through others and from other directories', async () => {
    const out = directory()
    mkdirSync(join(out, 'real/deep'), { recursive: true })
    symlinkSync('real/deep', join(out, 'short'))
    symlinkSync('short/first', join(out, 'link'))
    // Behind a link to a directory `..` is that directory's parent, not the link's.
    symlinkSync('../made', join(out, 'real/deep/first'))
    await writeWhole(join(out, 'link'), 'text')
    assert.equal(readFileSync(join(out, 'real/made'), 'utf8'), 'text')
    assert.equal(readlinkSync(join(out, 'link')), 'short/first')
    assert.equal(readlinkSync(join(out, 'real/deep/first')), '../made')
    await writeWhole(join(out, 'link'), 'again')
    assert.equal(readFileSync(join(out, 'real/made'), 'utf8'), 'again')
    assert.deepEqual(readdirSync(join(out, 'real')).sort(), ['deep', 'made'])
  })

  test('links in a circle, a directory, a missing directory are told at once', async () => {
    const out = directory()
    symlinkSync('b', join(out, 'a'))
    symlinkSync('a', join(out, 'b'))
    symlinkSync('none/file', join(out, 'far'))
    for (const name of ['a', '.', 'none/file', 'far', 'new/']) {
      assert.throws(() => PartialFile.create(`${out}/${name}`), hasCode('OUTPUT_FAILED'), name)
      await assert.rejects(writeWhole(`${out}/${name}`, ''), hasCode('OUTPUT_FAILED'), name)
    }
    assert.deepEqual(readdirSync(out).sort(), ['a', 'b', 'far'])
  })

  test('a name as long as names may be', async () => {
    const out = directory()
    await writeWhole(join(out, 'n'.repeat(255)), 'text')
    assert.equal(readdirSync(out)[0]?.length, 255)
  })
})

describe('what is no file', () => {
  test('a device and a pipe are written to and stay', { skip: skipWithout('mknod', 'mkfifo') }, async () => {
    const out = directory()
    command('mknod', [join(out, 'null'), 'c', '1', '3'])
    command('mkfifo', [join(out, 'pipe')])
    symlinkSync('null', join(out, 'link'))
    for (const name of ['null', 'link', 'pipe'])
      assert.throws(() => PartialFile.create(join(out, name)), hasCode('OUTPUT_FAILED'))
    await writeWhole(join(out, 'null'), 'text')
    await writeWhole(join(out, 'link'), 'text')
    const reader = startProgram(
      `import { readFileSync } from 'node:fs'; console.log(readFileSync(${JSON.stringify(join(out, 'pipe'))}, 'utf8'))`,
    )
    await writeWhole(join(out, 'pipe'), 'text')
    assert.equal((await reader.ended).stdout, 'text\n')
    assert.ok(lstatSync(join(out, 'null')).isCharacterDevice())
    assert.ok(lstatSync(join(out, 'pipe')).isFIFO())
    assert.ok(lstatSync(join(out, 'link')).isSymbolicLink())
    assert.deepEqual(readdirSync(out).sort(), ['link', 'null', 'pipe'])
  })

  test('a socket is an error, and stays', async () => {
    const path = join(directory(), 'socket')
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(path, () => resolve()))
    await assert.rejects(writeWhole(path, 'text'), hasCode('OUTPUT_FAILED'))
    assert.ok(lstatSync(path).isSocket())
    await new Promise((resolve) => server.close(resolve))
  })

  test('what has become a pipe in the meantime is not renamed over', {
    skip: skipWithout('mkfifo'),
  }, async () => {
    const path = join(directory(), 'file')
    writeFileSync(path, 'old')
    const file = PartialFile.create(path)
    await file.finish(0)
    rmSync(path)
    command('mkfifo', [path])
    await assert.rejects(file.publish(), hasCode('OUTPUT_FAILED'))
    file.discard()
    assert.ok(lstatSync(path).isFIFO())
  })

  test('a file without a name, as standard output may be, is written to', async () => {
    const out = directory()
    const { ended } = startProgram(
      `import { closeSync, openSync, readFileSync, rmSync, readdirSync } from 'node:fs'
       const { writeWhole } = await import('SRC/files/partial-file.js')
       process.chdir(${JSON.stringify(out)})
       const fd = openSync('file', 'w+')
       rmSync('file')
       await writeWhole('/proc/self/fd/' + fd, 'text')
       console.log(readFileSync('/proc/self/fd/' + fd, 'utf8'), readdirSync('.').length)`,
    )
    const { stdout, stderr } = await ended
    assert.equal(stdout, 'text 0\n', stderr)
  })

  test('a pipe that nobody reads is waited for with signals served', {
    skip: skipWithout('mkfifo'),
  }, async () => {
    const path = join(directory(), 'pipe')
    command('mkfifo', [path])
    const stop = new AbortController()
    const waiting = writeWhole(path, 'text', stop.signal)
    setImmediate(() => stop.abort())
    await assert.rejects(waiting, hasCode('ABORTED'))
  })
})
