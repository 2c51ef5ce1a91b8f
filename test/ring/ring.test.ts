/** The ring: bytes come out as they went in, neither side runs over the other, and each side can end the other's wait. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { describe, test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import {
  BLOCKED,
  CLOSED,
  createRing,
  filledOf,
  type RingMemory,
  SLOT_BYTES,
  SLOTS,
} from '../../src/ring/layout.js'
import { RingReader } from '../../src/ring/reader.js'
import { RingWriter } from '../../src/ring/writer.js'
import { SRC } from '../support/program.js'

/** Fills a slot with a text. */
function put(writer: RingWriter, text: string): void {
  writer.accept(writer.lend().write(text))
}

/** A thread that fills `count` slots with their numbers, then says `done`, or what `lend` threw. */
function startWriter(ring: RingMemory, count: number): Worker {
  const program = `
    const { parentPort, workerData } = require('node:worker_threads')
    import(${JSON.stringify(`${SRC}ring/writer.js`)}).then(({ RingWriter }) => {
      const writer = new RingWriter(workerData.ring, 0)
      try {
        for (let i = 0; i < workerData.count; i++) {
          const slot = writer.lend()
          slot.writeUInt32LE(i)
          writer.accept(4 + (i % 3))
        }
        parentPort.postMessage('done')
      } catch ({ code }) {
        parentPort.postMessage(code)
      }
    })`
  return new Worker(program, { eval: true, workerData: { ring, count } })
}

describe('on one thread', () => {
  test('slots come out in order, with the bytes that were accepted, around the ring and further', () => {
    const ring = createRing()
    const [writer, reader] = [new RingWriter(ring, 0), new RingReader(ring)]
    for (let i = 0; i < 3 * SLOTS; i++) {
      put(writer, `first of ${i}`)
      put(writer, `second of ${i}`)
      for (const which of ['first', 'second']) {
        assert.equal(String(reader.peek()), `${which} of ${i}`)
        assert.equal(String(reader.peek()), `${which} of ${i}`)
        reader.release()
      }
      assert.equal(reader.peek(), undefined)
    }
  })

  test('every slot can be filled before one is read, each a buffer of its own and of full length', () => {
    const ring = createRing()
    const [writer, reader] = [new RingWriter(ring, 0), new RingReader(ring)]
    for (let i = 0; i < SLOTS; i++) writer.accept(writer.lend().fill(i).length)
    for (let i = 0; i < SLOTS; i++) {
      const bytes = reader.peek()!
      assert.equal(bytes.length, SLOT_BYTES)
      assert.ok(bytes.every((byte) => byte === i))
      reader.release()
    }
    assert.equal(reader.peek(), undefined)
  })

  test('a wait ends when a slot is filled, at once when one is, and when it is woken', async () => {
    const ring = createRing()
    const [writer, reader] = [new RingWriter(ring, 0), new RingReader(ring)]
    const waiting = reader.filled()
    put(writer, 'x')
    await waiting
    await reader.filled()
    assert.equal(String(reader.peek()), 'x')
    reader.release()
    const woken = reader.filled()
    reader.wake()
    await woken
    assert.equal(reader.peek(), undefined)
  })

  test('a closed ring lends nothing, and ends the wait of its reader', async () => {
    const ring = createRing()
    const reader = new RingReader(ring)
    const waiting = reader.filled()
    reader.close()
    await waiting
    assert.throws(() => new RingWriter(ring, 0).lend(), { name: 'ImageError', code: 'ABORTED' })
  })
})

describe('on two threads', () => {
  test('a producer that is faster waits for the reader, and no slot is lost', async () => {
    const ring = createRing()
    const reader = new RingReader(ring)
    const count = 40 * SLOTS
    const worker = startWriter(ring, count)
    const said = once(worker, 'message')
    for (let i = 0; i < count; i++) {
      while (reader.peek() === undefined) await reader.filled()
      const bytes = reader.peek()!
      assert.deepEqual([bytes.readUInt32LE(), bytes.length], [i, 4 + (i % 3)])
      reader.release()
    }
    assert.deepEqual(await said, ['done'])
    await worker.terminate()
  })

  test('a producer whose wait begins just as the ring is closed is not forgotten', async () => {
    const ring = createRing()
    const worker = startWriter(ring, SLOTS + 1)
    const said = once(worker, 'message')
    while (ring.control[BLOCKED] === 0) await setImmediate()
    // As if the notice had come too early.
    Atomics.store(ring.control, CLOSED, 1)
    assert.deepEqual(await said, ['ABORTED'])
    await worker.terminate()
  })

  test('a producer that waits for a slot is ended by the reader', async () => {
    const ring = createRing()
    const reader = new RingReader(ring)
    const worker = startWriter(ring, SLOTS + 1)
    const said = once(worker, 'message')
    // The last free slot was filled, so the next one is waited for, now or soon.
    while (ring.control[filledOf(SLOTS - 1)] !== SLOTS) await setImmediate()
    reader.close()
    assert.deepEqual(await said, ['ABORTED'])
    await worker.terminate()
  })
})
