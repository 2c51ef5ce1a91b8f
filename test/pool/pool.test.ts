import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { setFlagsFromString } from 'node:v8'
import { fromWire, ImageError, toWire } from '../../src/errors.js'
import { LayerPool } from '../../src/pool/pool.js'
import { threadCount } from '../../src/pool/threads.js'

// Threads that start from now on run out of memory at once, not after gigabytes.
setFlagsFromString('--max-old-space-size=128')

const FAULTY = fileURLToPath(new URL('../support/faulty-worker.js', import.meta.url))
const SIGNAL = new AbortController().signal
const owner = { mtime: 0, uid: 0n, gid: 0n, uname: '', gname: '' }

test('a worker that exits, throws what is no Error, or runs out of memory is that task’s failure', async () => {
  const pool = new LayerPool(1, SIGNAL, FAULTY)
  const failure = { name: 'ImageError', code: 'WORKER_FAILED' }
  await assert.rejects(pool.run('checksum', { paths: [], owner }, 'layer X'), {
    ...failure,
    message: /^layer X: its worker thread failed \(checksum\): .*exit.* 7/,
  })
  await assert.rejects(pool.run('openCustomisation', { directory: '' }, 'layer Y'), {
    ...failure,
    message: /^layer Y: .*no Error at all/,
  })
  await assert.rejects(pool.run('openBase', { path: '' }, 'base Z'), {
    ...failure,
    message: /^base Z: .*memory/,
  })
  await pool.close()
})

test('passes that come back undone are done later', { timeout: 30_000 }, async () => {
  const pool = new LayerPool(2, SIGNAL, FAULTY)
  const inputs = Array.from({ length: 6 }, (_, i) => ({ paths: [`p${i}`], owner, size: 0 }))
  const done = await Promise.all(inputs.map((input) => pool.pass('checksum', input, '')))
  assert.deepEqual(done, inputs)
  await pool.close()
})

test('errors cross threads with code, hint and cause', () => {
  const error = new ImageError('FILE_CHANGED', 'x changed', { hint: 'try again', cause: new Error('inner') })
  const there = fromWire(structuredClone(toWire(error)))
  assert.deepEqual(
    [there.code, there.message, there.hint, there.stack],
    ['FILE_CHANGED', 'x changed', 'try again', error.stack],
  )
  assert.match(String(there.cause), /inner/)
  assert.equal(toWire(42).code, 'WORKER_FAILED')
})

test('honours NIX_BUILD_CORES, which may not ask for more than there is', () => {
  const all = threadCount(undefined, {})
  assert.ok(all >= 1)
  assert.equal(threadCount(undefined, { NIX_BUILD_CORES: '1' }), 1)
  assert.equal(threadCount(undefined, { NIX_BUILD_CORES: '0' }), all)
  assert.equal(threadCount(undefined, { NIX_BUILD_CORES: '4096' }), all)
  assert.equal(threadCount(5, { NIX_BUILD_CORES: '1' }), 5)
})
