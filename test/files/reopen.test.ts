/** A pipe's writing end of one's own. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { closeSync, constants, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { reopenPipe } from '../../src/files/reopen.js'
import { scratchDirectory } from '../support/scratch.js'

const root = scratchDirectory()

/** Flags of an open descriptor, as the kernel has them. */
function flagsOf(fd: number): number {
  return Number.parseInt(/flags:\s+(\d+)/.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))![1]!, 8)
}

/** A FIFO with both ends open. */
function openPipe(name: string): { reader: number; writer: number } {
  const path = join(root, name)
  assert.equal(spawnSync('mkfifo', [path]).status, 0)
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  return { reader, writer: openSync(path, constants.O_WRONLY) }
}

test('is another descriptor of the same pipe: it does not block, and what it was opened from stays as it was', () => {
  const { reader, writer } = openPipe('pipe')
  const own = reopenPipe(writer)!
  assert.notEqual(own, writer)
  assert.ok(flagsOf(own) & constants.O_NONBLOCK)
  assert.equal(flagsOf(writer) & constants.O_NONBLOCK, 0)
  let taken = 0
  assert.throws(
    () => {
      for (;;) taken += writeSync(own, Buffer.alloc(4096))
    },
    { code: 'EAGAIN' },
  )
  assert.ok(taken > 0)
  for (const fd of [own, writer, reader]) closeSync(fd)
})

test('is none for what is no pipe, is closed, or has nobody who reads it', () => {
  const path = join(root, 'file')
  writeFileSync(path, '')
  for (const name of [path, '/dev/null']) {
    const fd = openSync(name, 'r+')
    assert.equal(reopenPipe(fd), undefined)
    closeSync(fd)
    assert.equal(reopenPipe(fd), undefined)
  }
  const { reader, writer } = openPipe('left')
  closeSync(reader)
  assert.equal(reopenPipe(writer), undefined)
  closeSync(writer)
})
