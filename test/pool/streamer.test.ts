/** The streaming pass: layers in order, small ones in one go, and every failure at the layer that it is of. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { ImageError } from '../../src/errors.js'
import { digestOf } from '../../src/model/digest.js'
import type { Recipe } from '../../src/model/recipe.js'
import { type Planned, type Produce, Streamer } from '../../src/pool/streamer.js'
import { forsake } from '../../src/ring/hashing.js'
import { RingWriter } from '../../src/ring/writer.js'
import { rangeOf } from '../support/range-of.js'
import { scratchDirectory } from '../support/scratch.js'

const root = scratchDirectory()
const MIB = 1 << 20

/** A layer whose archive is its name, once; `size` is what it claims. */
function layer(name: string, size = name.length): Planned {
  const owner = { mtime: 0, uid: 0n, gid: 0n, uname: '', gname: '' }
  return { recipe: { kind: 'store', plan: Buffer.from(name), owner }, size }
}

const nameOf = (recipe: Recipe): string =>
  recipe.kind === 'store' ? Buffer.from(recipe.plan).toString() : recipe.path

interface Producer {
  produce: Produce
  /** What was produced together. */
  batches: string[][]
}

/** Writes nothing: for layers whose size is all that counts. */
function idleProducer(): Producer {
  const batches: string[][] = []
  return { produce: async ({ recipes }) => void batches.push(recipes.map(nameOf)), batches }
}

/** Writes the recipes' names into the ring. @param after done when they are in it */
function producer(after: (names: string[]) => unknown = () => {}): Producer {
  const batches: string[][] = []
  const produce: Produce = async ({ recipes, ring, slot }, isHashed) => {
    const writer = new RingWriter(ring, slot)
    const names = recipes.map(nameOf)
    batches.push(names)
    for (const name of names.filter(Boolean)) writer.accept(writer.lend().write(name))
    await after(names)
    return isHashed ? digestOf(Buffer.from(names.join(''))) : undefined
  }
  return { produce, batches }
}

/** Queues all, then reads each in order. */
async function readAll(streamer: Streamer, layers: readonly Planned[]): Promise<string[]> {
  const productions = layers.map((planned) => streamer.enqueue(Promise.resolve(planned)))
  const found: string[] = []
  for (const [i, planned] of layers.entries()) found.push(await read(streamer, productions[i]!, planned))
  return found
}

async function read(
  streamer: Streamer,
  production: ReturnType<Streamer['enqueue']>,
  planned: Planned,
): Promise<string> {
  let text = ''
  await streamer.bytes(production, planned, (bytes) => {
    text += Buffer.from(bytes).toString()
  })
  return text
}

describe('layers', () => {
  test('come in the order in which they were queued, whichever is known first', async () => {
    const { produce } = producer()
    const streamer = new Streamer(produce)
    let tell = (_: Planned): void => {}
    const late = new Promise<Planned>((resolve) => {
      tell = resolve
    })
    const [a, b] = [layer('first'), layer('second')]
    const [first, second] = [streamer.enqueue(late), streamer.enqueue(Promise.resolve(b))]
    const reading = read(streamer, first, a)
    tell(a)
    assert.equal(await reading, 'first')
    assert.equal(await read(streamer, second, b), 'second')
  })

  test('that are small and known are produced in one go, up to four megabytes', async () => {
    const { produce, batches } = producer()
    const small = ['a', 'b', 'c'].map((name) => layer(name))
    await readAll(new Streamer(produce), small)
    assert.deepEqual(batches, [['a', 'b', 'c']])

    // Sizes are what counts; nothing of these is read.
    const large = idleProducer()
    const streamer = new Streamer(large.produce)
    const sizes = [3 * MIB, MIB, 1, 5 * MIB, 1]
    const queued = sizes.map((size, i) => streamer.enqueue(Promise.resolve(layer(`${i}`, size))))
    await Promise.all(queued.map(({ finished }) => finished))
    await queued.at(-1)!.finished
    while (!queued.every(({ done }) => done)) await setImmediate()
    assert.deepEqual(large.batches, [['0', '1'], ['2'], ['3'], ['4']])
  })

  test('of one packed file are produced in one go, whatever their size', async () => {
    const { produce, batches } = idleProducer()
    const packed = (path: string, size: number): Planned => ({
      recipe: { ...rangeOf(root, 0, 1), path, compression: 'gzip' },
      size,
    })
    const streamer = new Streamer(produce)
    const layers = [packed('one', 9 * MIB), packed('one', 9 * MIB), packed('other', 9 * MIB)]
    const queued = layers.map((planned) => streamer.enqueue(Promise.resolve(planned)))
    while (!queued.every(({ done }) => done)) await setImmediate()
    assert.deepEqual(batches, [['one', 'one'], ['other']])
  })

  test('without a byte, and parts of plain files, need no producer', async () => {
    const { produce, batches } = producer()
    const path = join(root, 'plain')
    writeFileSync(path, 'before part behind')
    const part: Planned = { recipe: rangeOf(path, 7, 4), size: 4 }
    const found = await readAll(new Streamer(produce), [
      part,
      layer('', 0),
      layer('made'),
      part,
      layer('too'),
    ])
    assert.deepEqual(found, ['part', '', 'made', 'part', 'too'])
    assert.deepEqual(batches, [['made'], ['too']])
  })

  test('that are hashed are produced alone, also parts of plain files and empty ones, and give their digest', async () => {
    const { produce, batches } = producer()
    const path = join(root, 'hashed')
    writeFileSync(path, '')
    const part: Planned = { recipe: rangeOf(path, 0, path.length), size: path.length, isHashed: true }
    const layers = [layer('a'), part, { ...layer(''), isHashed: true }, layer('b'), layer('c')]
    const streamer = new Streamer(produce)
    const queued = layers.map((planned) => streamer.enqueue(Promise.resolve(planned)))
    const digests: (string | undefined)[] = []
    for (const [i, planned] of layers.entries())
      digests.push(await streamer.bytes(queued[i]!, planned, () => {}))
    assert.deepEqual(digests, [
      undefined,
      digestOf(Buffer.from(path)),
      digestOf(Buffer.alloc(0)),
      undefined,
      undefined,
    ])
    assert.deepEqual(batches, [['a'], [path], [''], ['b', 'c']])
  })

  test('that are written slowly are not run over', async () => {
    const { produce } = producer()
    const streamer = new Streamer(produce)
    const layers = Array.from({ length: 20 }, (_, i) => layer(`number ${i}`))
    const queued = layers.map((planned) => streamer.enqueue(Promise.resolve(planned)))
    for (const [i, planned] of layers.entries()) {
      let text = ''
      await streamer.bytes(queued[i]!, planned, async (bytes) => {
        await setImmediate()
        text += Buffer.from(bytes).toString()
      })
      assert.equal(text, `number ${i}`)
    }
  })
})

describe('failures', () => {
  const changed = new ImageError('FILE_CHANGED', 'x changed')

  test('of the producer come when the bytes that it made are through', async () => {
    const { produce } = producer(() => Promise.reject(changed))
    const streamer = new Streamer(produce)
    const planned = layer('whole')
    const production = streamer.enqueue(Promise.resolve(planned))
    let text = ''
    const reading = streamer.bytes(production, planned, (bytes) => {
      text += Buffer.from(bytes).toString()
    })
    await assert.rejects(reading, changed)
    assert.equal(text, 'whole')
  })

  test('of a layer leave those before it whole, and those behind it are not begun', async () => {
    const begun: string[] = []
    const streamer = new Streamer(async ({ recipes, ring, slot }) => {
      const [name] = recipes.map(nameOf)
      const writer = new RingWriter(ring, slot)
      begun.push(name!)
      if (name === 'first') writer.accept(writer.lend().write('first'))
      else {
        forsake(ring)
        throw changed
      }
      return undefined
    })
    const layers = [layer('first'), { ...layer('second'), isHashed: true }, layer('third')]
    const queued = layers.map((planned) => streamer.enqueue(Promise.resolve(planned)))
    while (!queued.every(({ done }) => done)) await setImmediate()
    assert.equal(await read(streamer, queued[0]!, layers[0]!), 'first')
    for (const i of [1, 2]) await assert.rejects(read(streamer, queued[i]!, layers[i]!), changed)
    assert.deepEqual(begun, ['first', 'second'])
  })

  test('that are no ImageError become one', async () => {
    const streamer = new Streamer(() => Promise.reject(new Error('no thread')))
    await assert.rejects(readAll(streamer, [layer('x')]), {
      code: 'WORKER_FAILED',
      message: 'producing a layer failed: no thread',
    })
  })

  test('of planning are the failure of that layer, and nothing is asked for', async () => {
    const { produce, batches } = producer()
    const streamer = new Streamer(produce)
    const planned = layer('a')
    await assert.rejects(read(streamer, streamer.enqueue(Promise.reject(changed)), planned), changed)
    assert.deepEqual(batches, [])
  })

  test('of a producer that makes too little are told with both sizes', async () => {
    const { produce } = producer()
    await assert.rejects(readAll(new Streamer(produce), [layer('four', 10)]), {
      code: 'WORKER_FAILED',
      message: 'a worker produced 4 bytes of a layer, expected 10',
    })
  })

  test('of the writer are its own', async () => {
    const { produce } = producer()
    const streamer = new Streamer(produce)
    const planned = layer('x')
    const full = new ImageError('OUTPUT_FAILED', 'full')
    const reading = streamer.bytes(streamer.enqueue(Promise.resolve(planned)), planned, () =>
      Promise.reject(full),
    )
    await assert.rejects(reading, full)
  })

  test('it is closed with: what waits for bytes, and what waits for a producer, and what comes later', async () => {
    const never = new Promise<undefined>(() => {})
    const stopped = new ImageError('ABORTED', 'stopped')
    const idle = new Streamer(() => never)
    const x = layer('x')
    const waiting = read(idle, idle.enqueue(Promise.resolve(x)), x)
    const made = producer(() => never)
    const unchecked = new Streamer(made.produce)
    const settling = read(unchecked, unchecked.enqueue(Promise.resolve(x)), x)
    await setImmediate()
    for (const streamer of [idle, unchecked]) streamer.close(stopped)
    await Promise.all([waiting, settling].map((reading) => assert.rejects(reading, stopped)))
    assert.deepEqual(made.batches, [['x']])

    const closed = producer()
    const late = new Streamer(closed.produce)
    late.close(stopped)
    late.close(changed)
    await assert.rejects(readAll(late, [x]), stopped)
    assert.deepEqual(closed.batches, [])
  })
})
