/** The lock between processes: held by one at a time, and by nobody who is gone. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, readlinkSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { FileLock } from '../../src/files/lock.js'
import { ownOwner } from '../../src/files/owner.js'
import { hasCode } from '../blob-stores/suite.js'
import { startProgram } from '../support/program.js'
import { directoriesIn, scratchDirectory } from '../support/scratch.js'

const root = scratchDirectory()
const directory = directoriesIn(root)

const [where] = ownOwner().split('-')
const DEAD = `${where}-00000000-1-1-0123abcd`
const FAR = '00000000-11111111-1-1-0123abcd'

/** A process that adds one to a number in a file, again and again, the careless way but for the lock. */
function counting(out: string, times: number): ReturnType<typeof startProgram> {
  return startProgram(
    `import { randomBytes } from 'node:crypto'
     import { readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
     import { setImmediate } from 'node:timers/promises'
     const { FileLock } = await import('SRC/files/lock.js')
     process.chdir(${JSON.stringify(out)})
     for (let i = 0; i < ${times}; i++) {
       const lock = await FileLock.acquire('lock')
       const number = Number(readFileSync('number', 'utf8'))
       await setImmediate()
       lock.check()
       writeFileSync('number', String(number + 1))
       if (i % 2) lock.release()
       else {
         // As if it were killed while it holds the lock.
         symlinkSync('${DEAD.slice(0, -8)}' + randomBytes(4).toString('hex'), process.pid + '')
         renameSync(process.pid + '', 'lock')
       }
     }`,
  )
}

test('of many processes one holds it at a time, also when many of them go while they hold it', async () => {
  const out = directory()
  writeFileSync(join(out, 'number'), '0')
  symlinkSync(DEAD, join(out, 'lock'))
  const ends = await Promise.all(Array.from({ length: 8 }, () => counting(out, 25).ended))
  for (const { status, stderr } of ends) assert.equal(status, 0, stderr)
  assert.equal(readFileSync(join(out, 'number'), 'utf8'), '200')
  ;(await FileLock.acquire(join(out, 'lock'))).release()
  assert.deepEqual(readdirSync(out), ['number'])
})

test('a killed holder is relieved, and who was killed while relieving it too', async () => {
  const out = directory()
  const holder = startProgram(
    `const { FileLock } = await import('SRC/files/lock.js')
     process.chdir(${JSON.stringify(out)})
     await FileLock.acquire('lock')
     await FileLock.acquire('other')
     console.log('held'); setInterval(() => {}, 1000)`,
  )
  await holder.spoke
  const stop = new AbortController()
  const waiting = FileLock.acquire(join(out, 'lock'), stop.signal)
  setImmediate(() => stop.abort())
  await assert.rejects(waiting, hasCode('ABORTED'))
  holder.child.kill('SIGKILL')
  await holder.ended
  const name = createHash('sha256')
    .update(readlinkSync(join(out, 'lock')))
    .digest('hex')
    .slice(0, 16)
  symlinkSync(DEAD, join(out, `lock.${name}`))
  for (const name of ['lock', 'other']) (await FileLock.acquire(join(out, name))).release()
  assert.deepEqual(readdirSync(out), [])
})

test('a process that exits gives it back', async () => {
  const out = directory()
  const { ended } = startProgram(
    `const { FileLock } = await import('SRC/files/lock.js')
     await FileLock.acquire(${JSON.stringify(join(out, 'lock'))}); process.exit(0)`,
  )
  assert.equal((await ended).status, 0)
  assert.deepEqual(readdirSync(out), [])
})

test('a holder that cannot be looked at is relieved when it stays, a living one never', async () => {
  const out = directory()
  const path = join(out, 'lock')
  symlinkSync(FAR, path)
  const mine = await FileLock.acquire(path, undefined, 30)
  await assert.rejects(FileLock.acquire(path, undefined, 30), /found it held by process \d+/)
  mine.check()
  mine.release()
  assert.deepEqual(readdirSync(out), [])
})

test('who was taken for gone notices, and leaves the lock of the next alone', async () => {
  const path = join(directory(), 'lock')
  const mine = await FileLock.acquire(path)
  mine.release()
  const next = await FileLock.acquire(path)
  assert.throws(() => mine.check(), hasCode('OUTPUT_FAILED'))
  mine.release()
  next.check()
  next.release()
})

test('a lock that is a file, as without symbolic links, or that has any text, is one too', async () => {
  const out = directory()
  for (const text of [DEAD, FAR, '', '../../../x']) {
    const path = join(out, 'lock')
    writeFileSync(path, text)
    const lock = await FileLock.acquire(path, undefined, 30)
    lock.check()
    lock.release()
  }
  assert.deepEqual(readdirSync(out), [])
})
