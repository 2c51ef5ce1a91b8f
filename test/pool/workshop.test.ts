import assert from 'node:assert/strict'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { LayerPool } from '../../src/pool/pool.js'
import { Workshop } from '../../src/pool/workshop.js'
import { block, ending } from '../support/raw-tar.js'
import { scratchDirectory } from '../support/scratch.js'

const root = scratchDirectory()
const base = join(root, 'base')

function write(data: string): void {
  writeFileSync(base, gzipSync(Buffer.concat([block({ name: 'l', data }), ending(['l'])])))
}

test('a compressed base has one plain copy, however often it is opened, and another when it is another', async () => {
  const pool = new LayerPool(1, new AbortController().signal)
  let files = 0
  const workshop = new Workshop(pool, 1, () => {
    const path = join(root, `copy ${++files}`)
    writeFileSync(path, '')
    return path
  })
  write('x')
  const opened = await Promise.all([workshop.openBase(base), workshop.openBase(base)])
  assert.deepEqual(
    [opened.map(({ file }) => file.path), files],
    [[join(root, 'copy 1'), join(root, 'copy 1')], 1],
  )
  write('another')
  assert.equal((await workshop.openBase(base)).file.path, join(root, 'copy 2'))
  await pool.close()
})

test('of a compressed base that is damaged no copy stays', async () => {
  const pool = new LayerPool(1, new AbortController().signal)
  const copy = join(root, 'of a damaged one')
  const workshop = new Workshop(pool, 1, () => {
    writeFileSync(copy, '')
    return copy
  })
  const damaged = join(root, 'damaged')
  const whole = Buffer.concat([block({ name: 'l', data: 'x'.repeat(5000) }), ending(['l'])])
  writeFileSync(damaged, gzipSync(whole).subarray(0, -9))
  for (const _ of [1, 2]) {
    await assert.rejects(workshop.openBase(damaged), { name: 'ImageError', message: /damaged/ })
    assert.equal(existsSync(copy), false)
  }
  await pool.close()
})

test('a compressed base is read where no file can be made for a copy', async () => {
  const pool = new LayerPool(1, new AbortController().signal)
  const workshop = new Workshop(pool, 1, () => {
    throw new Error('nowhere')
  })
  write('x')
  const { file } = await workshop.openBase(base)
  assert.deepEqual([file.path, file.compression], [base, 'gzip'])
  await pool.close()
})
