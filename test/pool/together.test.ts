/** Large layers that several threads read: the same bytes as one thread's, and every failure is told. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { appendFileSync, existsSync, mkdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { type ChecksumTask, checksumLayer, planLayer } from '../../src/layers/checksum.js'
import { type Digest, fromHex } from '../../src/model/digest.js'
import type { Owner } from '../../src/model/owner.js'
import type { StoreRecipe } from '../../src/model/recipe.js'
import { LayerPool } from '../../src/pool/pool.js'
import { Workshop } from '../../src/pool/workshop.js'
import { PART_BYTES } from '../../src/ring/parts.js'
import { HARD_CASES } from '../support/hard-cases.js'
import { scratchDirectory } from '../support/scratch.js'
import { settled } from '../support/settled.js'

const root = scratchDirectory()
const SIGNAL = new AbortController().signal
const FORSAKING = fileURLToPath(new URL('../../../test/support/forsaking-worker.cjs', import.meta.url))
const OWNER: Owner = { mtime: 1, uid: 0n, gid: 0n, uname: 'root', gname: 'root' }
const MIB = 1 << 20

/** Files of all sizes around those of parts, small ones in great number, and every hard case. */
function makePaths(): { paths: string[]; owner: Owner } {
  const paths: string[] = []
  for (const [i, { make }] of HARD_CASES.entries()) {
    const store = join(root, `hard-${i}`)
    mkdirSync(store)
    paths.push(...(make(store).store_layers ?? []).flat())
  }
  const sizes = join(root, 'sizes')
  mkdirSync(sizes)
  for (const [i, by] of [-1, 0, 1, 511, 512].entries())
    for (const parts of [0, 1, 3])
      writeFileSync(join(sizes, `${i}-${parts}`), Buffer.alloc(Math.max(0, parts * PART_BYTES + by), i + 1))
  const small = join(root, 'small')
  mkdirSync(small)
  for (let i = 0; i < 3000; i++) writeFileSync(join(small, `${i}`), 'x'.repeat((i * 37) % 3000))
  const large = join(root, 'large')
  writeFileSync(large, Buffer.alloc(40 * MIB, 'large'))
  return { paths: [...paths, sizes, small, large], owner: OWNER }
}

const task: ChecksumTask = makePaths()
// Nothing is kept of fresh files.
await settled(...task.paths)
const alone = checksumLayer(task)
const recipe: StoreRecipe = { kind: 'store', plan: alone.plan, owner: OWNER }

/** @param run is given the tasks that threads have done, too */
async function withPool<T>(
  threads: number,
  run: (pool: LayerPool, done: readonly string[]) => Promise<T>,
  worker?: string,
): Promise<T> {
  const done: string[] = []
  const pool = new LayerPool(threads, SIGNAL, worker, (task) => done.push(task))
  try {
    return await run(pool, done)
  } finally {
    await pool.close()
  }
}

/** Streams archives, and gives the digest of each. */
async function streamed(
  pool: LayerPool,
  layers: readonly { recipe: StoreRecipe; size: number }[],
): Promise<Digest[]> {
  const stream = new Workshop(pool, 4, () => join(root, 'none')).stream()
  const queued = layers.map((layer) => stream.queue(Promise.resolve(layer)))
  const digests: Digest[] = []
  for (const bytes of queued) {
    const hash = createHash('sha256')
    await bytes((piece) => void hash.update(piece))
    digests.push(fromHex(hash.digest('hex')))
  }
  return digests
}

describe('a large layer', () => {
  for (const threads of [1, 2, 3, 5])
    test(`has the digest that one thread finds, with ${threads}`, () =>
      withPool(threads, async (pool, done) => {
        const expected = { diffId: alone.diffId, isKept: true }
        const found = await Promise.all(['a', 'b'].map((name) => pool.hashTogether(recipe, alone.size, name)))
        assert.deepEqual(found, [expected, expected])
        // Its memory is used again.
        assert.deepEqual(await pool.hashTogether(recipe, alone.size, 'c'), expected)
        assert.equal(done.includes('help'), threads > 1)
      }))

  test('is found to be one when it is walked, and has the same checksum', () =>
    withPool(3, async (pool) => {
      const found = await new Workshop(pool, 3, () => '').checksum(task, 'layer')
      assert.deepEqual([found.diffId, found.size], [alone.diffId, alone.size])
      assert.deepEqual(found.kept?.take(), [])
    }))

  for (const threads of [1, 2, 3, 5])
    test(`is streamed from what was kept of it, and read where nothing was, with ${threads}`, () =>
      withPool(threads, async (pool) => {
        pool.start()
        const workshop = new Workshop(pool, threads, () => '')
        const small = { paths: [join(root, 'small')], owner: OWNER }
        const found = [await workshop.checksum(task, 'large', { keeps: true })]
        for (const name of ['a', 'b']) found.push(await workshop.checksum(small, name, { keeps: true }))
        // So that a byte that comes from there is seen.
        const kept = found.map((layer) => layer.kept!)
        const ofLarge = [...kept[0]!.take()]
        assert.equal(ofLarge.length > 0, true)
        kept[0] = { take: () => ofLarge.splice(0), giveBack: () => {} }
        const memory = kept[1]!.take()
        assert.equal(memory.length > 0, true)
        for (const chunk of memory) chunk.fill(0)
        const zeroed = [memory]
        kept[1] = { take: () => zeroed.pop() ?? [], giveBack: () => {} }
        const layers = found.map(({ plan, size }, i) => ({
          ...{ recipe: { ...recipe, plan }, size },
          kept: kept[i],
        }))
        const [large, zeros, right] = await streamed(pool, layers)
        assert.deepEqual([large, right], [alone.diffId, found[2]!.diffId])
        assert.notEqual(zeros, right)
        // Once: what was taken before is read.
        assert.deepEqual(
          await streamed(pool, layers),
          found.map(({ diffId }) => diffId),
        )
      }))

  for (const threads of [1, 2, 3, 5])
    test(`is streamed as one thread writes it, between others, with ${threads}`, () =>
      withPool(threads, async (pool) => {
        const small = checksumLayer({ paths: [join(root, 'sizes')], owner: OWNER })
        const other = { recipe: { ...recipe, plan: small.plan }, size: small.size }
        const large = { recipe, size: alone.size }
        assert.deepEqual(await streamed(pool, [other, large, other, large]), [
          small.diffId,
          alone.diffId,
          small.diffId,
          alone.diffId,
        ])
      }))
})

test('nothing is kept of fresh files', () =>
  withPool(2, async (pool) => {
    pool.start()
    const path = join(root, 'fresh')
    writeFileSync(path, 'x')
    const { kept } = await new Workshop(pool, 2, () => '').checksum(
      { paths: [path], owner: OWNER },
      'fresh',
      { keeps: true },
    )
    assert.deepEqual(kept?.take(), [])
  }))

describe('a failure', () => {
  test('of a thread that helps to hash is made up for', () =>
    withPool(
      3,
      async (pool) => {
        const mark = join(root, 'helped')
        process.env.FORSAKEN = mark
        const found = await pool.hashTogether(recipe, alone.size, 'layer')
        assert.deepEqual(found, { diffId: alone.diffId, isKept: false })
        assert.equal(existsSync(mark), true)
      },
      FORSAKING,
    ))

  test('of a thread that helps to stream ends the stream', () =>
    withPool(
      4,
      (pool) =>
        assert.rejects(streamed(pool, [{ recipe, size: alone.size }]), {
          code: 'WORKER_FAILED',
          message: /worker thread failed \(help\)/,
        }),
      FORSAKING,
    ))

  for (const size of [1000, 40 * MIB])
    test(`of a layer of ${size} bytes to be what it was when it was planned`, () =>
      withPool(3, async (pool) => {
        const path = join(root, `planned-${size}`)
        writeFileSync(path, Buffer.alloc(size))
        const paths = { paths: [path], owner: OWNER }
        const planned = planLayer(paths)
        utimesSync(path, 1, 1)
        const workshop = new Workshop(pool, 3, () => '')
        await assert.rejects(workshop.checksum({ ...paths, planned }, 'layer'), { code: 'FILE_CHANGED' })
        const { size: found } = await workshop.checksum(paths, 'layer')
        assert.equal(found, planned.size)
      }))

  test('to read a file is the same, whoever reads it', () =>
    withPool(3, async (pool) => {
      const path = join(root, 'shrinking')
      writeFileSync(path, Buffer.alloc(48 * MIB))
      const planned = checksumLayer({ paths: [path], owner: OWNER })
      const shrinking = { ...recipe, plan: planned.plan }
      appendFileSync(path, 'more')
      await assert.rejects(streamed(pool, [{ recipe: shrinking, size: planned.size }]), {
        code: 'FILE_CHANGED',
        message: /shrinking/,
      })
      rmSync(path)
      await assert.rejects(pool.hashTogether(shrinking, planned.size, 'layer'), {
        code: 'FILE_CHANGED',
        message: /shrinking.*expected it to be there/,
      })
    }))
})
