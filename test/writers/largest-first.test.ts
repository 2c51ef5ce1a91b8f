import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { DigestCache } from '../../src/cache/digest-cache.js'
import { LayerMemory } from '../../src/cache/layer-memory.js'
import { MemoryStore } from '../../src/cache/memory-store.js'
import type { BlobStore } from '../../src/model/blob-store.js'
import { PLAIN } from '../../src/model/compression.js'
import type { ByDigest } from '../../src/model/destination.js'
import { digestOf, toHex } from '../../src/model/digest.js'
import type { MadeBlob, Plan } from '../../src/model/layer.js'
import { deliverImages } from '../../src/writers/by-digest.js'
import { LargestFirst } from '../../src/writers/largest-first.js'
import { UnderWay } from '../../src/writers/under-way.js'
import type { WriteContext } from '../../src/writers/written.js'
import { scratchDirectory } from '../support/scratch.js'

const root = scratchDirectory()

/** A promise, and what settles it. */
function held<T = void>(): {
  promise: Promise<T>
  resolve: (value: T) => void
  reject: (error: Error) => void
} {
  let resolve!: (value: T) => void
  let reject!: (error: Error) => void
  const promise = new Promise<T>((yes, no) => {
    resolve = yes
    reject = no
  })
  return { promise, resolve, reject }
}

test('the largest that waits is next, equal ones in turn, and so many at once', async () => {
  const first = new LargestFirst(2)
  const began: string[] = []
  const ends = new Map<string, () => void>()
  const run = (name: string, size: number): Promise<string> =>
    first.run(size, async () => {
      began.push(name)
      const { promise, resolve } = held()
      ends.set(name, resolve)
      await promise
      return name
    })
  const all = ['a2', 'b1', 'c3', 'd2', 'e9'].map((name) => run(name, Number(name[1])))
  await setImmediate()
  assert.deepEqual(began, ['e9', 'c3'])
  for (const [name, next] of [
    ['c3', 'a2'],
    ['a2', 'd2'],
    ['e9', 'b1'],
  ] as const) {
    ends.get(name)!()
    await setImmediate()
    assert.equal(began.at(-1), next)
  }
  for (const end of ends.values()) end()
  assert.deepEqual(await Promise.all(all), ['a2', 'b1', 'c3', 'd2', 'e9'])
})

test('none begins before all sizes are known, or are not to be had; what fails makes room', async () => {
  const first = new LargestFirst(1)
  const began: number[] = []
  const size = held<number>()
  const lost = held<number>()
  const run = (number: number, size: number | Promise<number>): Promise<void> =>
    first.run(size, async () => {
      began.push(number)
      if (number === 3) throw new Error('failed')
    })
  const all = [run(1, 1), run(2, lost.promise), run(3, size.promise)]
  await setImmediate()
  size.resolve(3)
  await setImmediate()
  assert.deepEqual(began, [])
  lost.reject(new Error('no plan'))
  const settled = await Promise.allSettled(all)
  assert.deepEqual(
    settled.map((it) => (it.status === 'rejected' ? it.reason.message : 'done')),
    ['done', 'no plan', 'failed'],
  )
  assert.deepEqual(began, [3, 1])
})

test('nothing begins once it was stopped', async () => {
  const first = new LargestFirst(1)
  const end = held()
  const running = first.run(1, () => end.promise)
  await setImmediate()
  for (const size of [1, Promise.resolve(2)]) void first.run(size, () => assert.fail('it began'))
  first.stop()
  end.resolve()
  await running
  await setImmediate()
})

test('layers are made largest first, stand in their order, and known ones wait for no plan', async () => {
  const memory = new LayerMemory(new DigestCache(new MemoryStore(), () => assert.fail('the cache failed')))
  const made: string[] = []
  const blobOf = (size: number): MadeBlob => {
    const digest = digestOf(Buffer.alloc(size))
    return { diffId: digest, size, digest, blobSize: size }
  }
  const planning = held()
  const sizes = [20480, 10240, 40960, 30720]
  const layers = sizes.map((size) => {
    const { diffId } = blobOf(size)
    const plan = async (): Promise<Plan> => {
      assert.notEqual(size, sizes[1], 'a known layer was planned')
      await planning.promise
      return { recipe: {} as Plan['recipe'], size, diffId, claimed: false, fresh: false }
    }
    return {
      source: { kind: 'store' as const, paths: [`${size}`] },
      key: async () => ({ text: `diff-${toHex(diffId)}`, portable: true, diffId }),
      plan,
      recipe: () => assert.fail('a layer was read'),
      checksum: () => assert.fail('a blob was made and summed'),
    }
  })
  await memory.remember(layers[1]!, PLAIN, blobOf(sizes[1]!))
  const known = blobOf(sizes[1]!).digest
  const store = {
    has: async ({ digest }: { digest: string }) => digest === known,
    mount: async () => false,
    put: async () => {},
  } as Partial<BlobStore> as BlobStore
  const destination: ByDigest = {
    ...{ shape: 'by-digest', name: 'there', store, tags: [], compression: 'none', isRemote: false },
    previous: async () => [],
  }
  const told: number[] = []
  const context = {
    workshop: {
      threads: 1,
      makeFile: () => join(root, 'none'),
      blob: async ({ size }: { size: number }, name: string) => {
        made.push(name)
        return blobOf(size)
      },
    },
    memory,
    underWay: new UnderWay(() => {}),
    emit: (event: { type: string; number?: number }) =>
      event.type === 'layer-delivered' && told.push(event.number!),
  } as unknown as WriteContext
  const config = { descriptor: { mediaType: '', digest: known, size: 0 }, bytes: Buffer.alloc(0) }
  const image = { layers, names: [], mtime: 0, config: () => config }
  const delivering = deliverImages([image] as const, [destination], context)
  await setImmediate()
  assert.deepEqual([told, made], [[2], []])
  planning.resolve()
  const [{ delivered }] = await delivering
  assert.deepEqual(
    delivered.map(({ size }) => size),
    sizes,
  )
  assert.deepEqual(
    made.map((name) => Number(/\d+/.exec(name)?.[0])),
    [40960, 30720, 20480],
  )
})
