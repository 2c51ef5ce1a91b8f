/** An image into a Node stream that is somebody else's. */
import assert from 'node:assert/strict'
import { PassThrough, Writable } from 'node:stream'
import { describe, test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { outputError, WritableOutput } from '../../src/outputs/writable-output.js'

const CLOSED = { name: 'ImageError', code: 'OUTPUT_CLOSED' }
const FAILED = { name: 'ImageError', code: 'OUTPUT_FAILED' }

/** A stream that takes a piece when it is told to. */
function slowStream(): { stream: Writable; pieces: Buffer[]; take(error?: Error): void } {
  const pieces: Buffer[] = []
  let done: ((error?: Error) => void) | undefined
  const stream = new Writable({
    highWaterMark: 1,
    write(piece: Buffer, _, callback) {
      pieces.push(piece)
      done = callback
    },
  })
  return { stream, pieces, take: (error) => done!(error) }
}

/** Whether the promise is done by now. */
async function isDone(promise: Promise<unknown>): Promise<boolean> {
  let done = false
  promise.then(
    () => {
      done = true
    },
    () => {
      done = true
    },
  )
  await setImmediate()
  return done
}

describe('a stream', () => {
  test('has what it was given, though the bytes change afterwards; it is left open, without a listener', async () => {
    const stream = new PassThrough()
    const output = new WritableOutput(stream)
    const before = ['error', 'close', 'drain'].map((name) => new PassThrough().listenerCount(name))
    const bytes = Buffer.from('one')
    await output.write(bytes)
    bytes.write('two')
    await output.write(bytes)
    await output.end()
    assert.equal(String(stream.read()), 'onetwo')
    assert.equal(stream.writableEnded, false)
    assert.deepEqual(
      ['error', 'close', 'drain'].map((name) => stream.listenerCount(name)),
      before,
    )
  })

  test('that is full is waited for, and at the end until it has taken all', async () => {
    const { stream, pieces, take } = slowStream()
    const output = new WritableOutput(stream)
    const writing = output.write(Buffer.from('x'))
    assert.equal(await isDone(writing), false)
    take()
    await writing
    const ending = output.end()
    assert.equal(await isDone(ending), false)
    take()
    await ending
    assert.deepEqual(pieces.map(String), ['x', ''])
  })
})

describe('a stream that fails', () => {
  test('fails the write that waits, those after it, the end, and tells at once', async () => {
    const { stream, take } = slowStream()
    const output = new WritableOutput(stream)
    const writing = output.write(Buffer.from('x'))
    take(Object.assign(new Error('no room'), { code: 'ENOSPC' }))
    const refused = { ...FAILED, message: 'cannot write the output: no room', hint: /make room/ }
    await Promise.all([assert.rejects(writing, refused), assert.rejects(output.lost, refused)])
    await assert.rejects(output.write(Buffer.from('y')), refused)
    await assert.rejects(output.end(), refused)
  })

  test('fails the end that waits', async () => {
    const { stream, take } = slowStream()
    const output = new WritableOutput(stream)
    const ending = output.end()
    await setImmediate()
    take(new Error('broken'))
    await assert.rejects(ending, FAILED)
  })

  test('fails the end also when it takes its time to be destroyed, with what was behind it', async () => {
    let fail = (_: Error): void => {}
    const stream = new Writable({
      write: (_, __, callback) => {
        fail = callback
      },
      destroy: (error, callback) => void setImmediate().then(() => callback(error)),
    })
    const output = new WritableOutput(stream)
    await output.write(Buffer.from('kept by the stream'))
    const ending = output.end()
    fail(Object.assign(new Error('no room'), { code: 'ENOSPC' }))
    await assert.rejects(ending, { ...FAILED, message: 'cannot write the output: no room' })
  })

  test('or is closed by its owner, is a reader that has left', async () => {
    const { stream } = slowStream()
    const output = new WritableOutput(stream)
    const writing = output.write(Buffer.from('x'))
    stream.destroy()
    await Promise.all([assert.rejects(writing, CLOSED), assert.rejects(output.lost, CLOSED)])
  })

  test('after it was given up does not end the process', async () => {
    const { stream, take } = slowStream()
    const output = new WritableOutput(stream)
    const writing = output.write(Buffer.from('x'))
    const reason = new Error('given up')
    output.abort(reason)
    await assert.rejects(writing, reason)
    await assert.rejects(output.lost, reason)
    take(new Error('later'))
    await setImmediate()
    await assert.rejects(output.write(Buffer.from('y')), reason)
  })
})

test('a reader that leaves is another error than a place that fails', () => {
  for (const code of ['EPIPE', 'ECONNRESET', 'ERR_STREAM_DESTROYED'])
    assert.equal(outputError(Object.assign(new Error('x'), { code })).code, 'OUTPUT_CLOSED')
  for (const code of ['EIO', 'ENOSPC', undefined])
    assert.equal(outputError(Object.assign(new Error('x'), { code })).code, 'OUTPUT_FAILED')
})
