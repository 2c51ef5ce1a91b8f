/** An image into a descriptor: a file, a pipe that is full, a socket, and readers that leave. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, constants, fstatSync, openSync, readFileSync, readSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { FdOutput } from '../../src/outputs/fd-output.js'
import { PipeReaders } from '../../src/outputs/pipe-readers.js'
import { isOpen } from '../support/processes.js'
import { scratchDirectory } from '../support/scratch.js'

const root = scratchDirectory()
const CLOSED = { name: 'ImageError', code: 'OUTPUT_CLOSED' }
/** More than any pipe holds. */
const MUCH = Buffer.alloc(4 << 20, 'much ')
let count = 0

function makeFifo(): string {
  const path = join(root, `fifo-${count++}`)
  assert.equal(spawnSync('mkfifo', [path]).status, 0)
  return path
}

interface Pipe {
  reader: number
  writer: number
}

/** A pipe with both ends here. */
function openPipe(): Pipe {
  const path = makeFifo()
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  return { reader, writer: openSync(path, constants.O_WRONLY) }
}

/** Reads until so many bytes have come, while others get their turn. */
async function readBytes(fd: number, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length)
  for (let done = 0; done < length; ) {
    try {
      done += readSync(fd, bytes, done, length - done, null)
    } catch (error) {
      assert.match(String(error), /EAGAIN/)
    }
    await setImmediate()
  }
  return bytes
}

describe('a file', () => {
  test('is written where the descriptor stands, and stays open', async () => {
    const path = join(root, 'file')
    const fd = openSync(path, 'w')
    writeSync(fd, 'before ')
    const output = await FdOutput.open(fd)
    await output.write(Buffer.from('one '))
    await output.write(Buffer.from('two'))
    await output.end()
    writeSync(fd, ' behind')
    closeSync(fd)
    assert.equal(readFileSync(path, 'utf8'), 'before one two behind')
  })

  test('that cannot be written to is an error, and nothing is written after the end', async () => {
    const fd = openSync('/dev/full', 'w')
    const full = await FdOutput.open(fd)
    assert.throws(() => full.write(Buffer.from('x')), {
      code: 'OUTPUT_FAILED',
      message: /ENOSPC/,
      hint: /make room/,
    })
    full.end()
    assert.throws(() => full.write(Buffer.from('x')), /the output was closed/)
    closeSync(fd)
  })
})

describe('a pipe', () => {
  test('that is full is waited for without blocking; all comes in order; the descriptor stays open', async () => {
    const { reader, writer } = openPipe()
    const output = await FdOutput.open(writer)
    const writing = output.write(MUCH)
    assert.ok(writing instanceof Promise)
    assert.ok(MUCH.equals(await readBytes(reader, MUCH.length)))
    await writing
    await output.write(Buffer.from('end'))
    await output.end()
    assert.equal(String(await readBytes(reader, 3)), 'end')
    assert.ok(fstatSync(writer).isFIFO())
    closeSync(writer)
    closeSync(reader)
  })

  test('whose reader leaves fails the write that waits', async () => {
    const { reader, writer } = openPipe()
    const output = await FdOutput.open(writer)
    const writing = output.write(MUCH)
    closeSync(reader)
    await assert.rejects(Promise.resolve(writing), CLOSED)
    output.abort(new Error('over'))
    closeSync(writer)
  })

  test('that is given up fails the write that waits, with the reason', async () => {
    const { reader, writer } = openPipe()
    const output = await FdOutput.open(writer)
    const writing = output.write(MUCH)
    const reason = new Error('given up')
    output.abort(reason)
    await assert.rejects(Promise.resolve(writing), reason)
    assert.throws(() => output.write(Buffer.from('x')), reason)
    closeSync(writer)
    closeSync(reader)
  })

  test('whose reader leaves while nothing is written is found out', async (t) => {
    t.mock.timers.enable({ apis: ['setInterval'] })
    const path = makeFifo()
    const child = spawn('cat', [path], { stdio: 'ignore' })
    const ended = once(child, 'exit')
    const writer = openSync(path, constants.O_WRONLY)
    const output = await FdOutput.open(writer)
    await isOpen(child, new RegExp(path))
    t.mock.timers.tick(1000)
    child.kill('SIGKILL')
    await ended
    const lost = assert.rejects(output.lost, CLOSED)
    t.mock.timers.tick(1000)
    await lost
    output.abort(new Error('over'))
    closeSync(writer)
  })
})

describe('readers of a pipe', () => {
  test('are gone when those that were seen have left; one that was never seen is not', async () => {
    const path = makeFifo()
    const readers: ChildProcess[] = ['one', 'two'].map(() => spawn('cat', [path], { stdio: 'ignore' }))
    const writer = openSync(path, constants.O_WRONLY)
    await Promise.all(readers.map((child) => isOpen(child, new RegExp(path))))
    const [looking, unseeing] = [new PipeReaders(writer), new PipeReaders(writer)]
    assert.equal(looking.gone(), false)
    for (const [i, child] of readers.entries()) {
      const ended = once(child, 'exit')
      child.kill('SIGKILL')
      await ended
      assert.equal(looking.gone(), i === readers.length - 1)
    }
    assert.equal(unseeing.gone(), false)
    closeSync(writer)
  })

  test('are not those who only write, nor those of another pipe', () => {
    const { reader, writer } = openPipe()
    const other = openPipe()
    const readers = new PipeReaders(writer)
    assert.equal(readers.gone(), false)
    closeSync(reader)
    assert.equal(readers.gone(), true)
    for (const fd of [writer, other.reader, other.writer]) closeSync(fd)
  })
})
