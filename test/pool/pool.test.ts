import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { setFlagsFromString } from 'node:v8'
import { fromWire, ImageError, toWire } from '../../src/errors.js'
import { checksumLayer } from '../../src/layers/checksum.js'
import { LayerPool } from '../../src/pool/pool.js'
import { threadCount } from '../../src/pool/threads.js'
import { scratchDirectory } from '../support/scratch.js'

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

test('a pass whose input cannot be made fails, also on this thread', async () => {
  const pool = new LayerPool(1, SIGNAL)
  const noInput = (): never => {
    throw new RangeError('no memory')
  }
  for (const start of [() => {}, () => pool.start()]) {
    start()
    await assert.rejects(pool.pass('plan', noInput, 'layer X'), {
      code: 'WORKER_FAILED',
      message: /no memory/,
    })
  }
  await pool.close()
})

test('threads start without requiring an ES module: Node ends the process when one is stopped while it does', () => {
  const worker = fileURLToPath(new URL('../../workers/layer.cjs', import.meta.url))
  const options = ['--no-experimental-require-module', '-e', 'require(process.argv[1])', worker]
  const { status, stderr } = spawnSync(process.execPath, options, { encoding: 'utf8' })
  assert.equal(status, 0, stderr)
})

test('small layers need no thread; the first that is not small, and those behind it, have threads', async () => {
  const root = scratchDirectory()
  const path = join(root, 'small')
  writeFileSync(path, 'contents')
  const input = { paths: [path], owner }
  const here = new LayerPool(2, SIGNAL, FAULTY)
  const found = await Promise.all([here.pass('checksum', input, ''), here.pass('plan', input, '')])
  assert.deepEqual([found[0].diffId, here.isStarted], [checksumLayer(input).diffId, false])
  assert.equal(found[1].size, found[0].size)

  const large = join(root, 'large')
  assert.equal(spawnSync('truncate', ['-s', '16M', large]).status, 0)
  await assert.rejects(here.pass('checksum', { paths: [large], owner }, 'layer X'), { code: 'WORKER_FAILED' })
  assert.equal(here.isStarted, true)
  await assert.rejects(here.pass('checksum', input, 'layer Y'), { code: 'WORKER_FAILED' })
  await here.close()
})

test('what cannot be read is the same error on any thread', async () => {
  const pool = new LayerPool(1, SIGNAL)
  const input = { paths: ['/nowhere/at/all'], owner }
  const reason = (): Promise<unknown> =>
    pool.pass('checksum', input, '').then(
      () => assert.fail('it was read'),
      ({ code, message }: ImageError) => [code, message],
    )
  const here = await reason()
  pool.start()
  assert.deepEqual(await reason(), here)
  assert.match(String(here), /^FILE_UNREADABLE,.*nowhere/)
  await pool.close()
})

test('a customisation layer whose size cannot be looked up is told as on any thread', async () => {
  const root = scratchDirectory()
  const loop = join(root, 'loop')
  symlinkSync('loop', loop)
  const file = join(root, 'file')
  writeFileSync(file, '')
  const pool = new LayerPool(1, SIGNAL)
  for (const directory of [loop, `${file}/below`, join(root, 'n'.repeat(300))])
    await assert.rejects(pool.pass('openCustomisation', { directory }, ''), { code: 'CUSTOMISATION_INVALID' })
  assert.equal(pool.isStarted, false)
  await pool.close()
})

test('a pass that throws what it should not has a reply', async () => {
  const pool = new LayerPool(1, SIGNAL)
  await assert.rejects(pool.pass('openCustomisation', undefined as never, 'layer X'), {
    code: 'WORKER_FAILED',
    message: /^layer X: /,
  })
  await pool.close()
})

test('a pass that is thought to be long begins beside the first, before those behind that', async () => {
  const root = scratchDirectory()
  const names = ['first', 'second', 'third', 'long']
  const order: string[] = []
  const pool = new LayerPool(2, SIGNAL)
  const passes = names.map((name) => {
    const path = join(root, name)
    writeFileSync(path, Buffer.alloc(name === 'first' ? 64 << 20 : 10))
    const isLong = name === 'long'
    return pool.pass('checksum', { paths: [path], owner }, '', isLong).then(() => order.push(name))
  })
  await Promise.all(passes)
  assert.ok(order.indexOf('long') < order.indexOf('second'), `${order}`)
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

test('honours NIX_BUILD_CORES, which may not ask for more than there is, nor for more than is of use', () => {
  const all = threadCount(undefined, {})
  assert.ok(all >= 1)
  assert.equal(threadCount(undefined, { NIX_BUILD_CORES: '1' }), 1)
  assert.equal(threadCount(undefined, { NIX_BUILD_CORES: '0' }), all)
  assert.equal(threadCount(undefined, { NIX_BUILD_CORES: '4096' }), all)
  assert.equal(threadCount(5, { NIX_BUILD_CORES: '1' }), 5)
  assert.ok(all <= 12)
  assert.equal(threadCount(64, {}), 64)
})
