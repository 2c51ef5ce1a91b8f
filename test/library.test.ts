import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { PassThrough, Writable } from 'node:stream'
import { test } from 'node:test'
import { type BuildEvent, buildImage, ImageError, readConf } from 'stream-layered-image'
import { readImage } from './support/archive.js'
import { runCli, writeConf } from './support/image.js'
import { scratchDirectory } from './support/scratch.js'

const root = scratchDirectory()
const store = join(root, 'store')
mkdirSync(store)
for (const name of ['a', 'b', 'c']) writeFileSync(join(store, name), Buffer.alloc(3_000_000, name))
const conf = writeConf(root, { store_layers: ['a', 'b', 'c'].map((name) => [join(store, name)]) })
const expected = readFileSync(runCli(conf).output)

test('builds to any stream, also one that keeps what it is given', async () => {
  const stream = new PassThrough({ highWaterMark: 1 << 30 })
  const result = await buildImage({ conf, output: stream })
  stream.end()
  assert.deepEqual(Buffer.concat(await stream.toArray()), expected)
  assert.equal(result.bytes, expected.length)
})

test('builds to a descriptor and leaves it open', async () => {
  const path = join(root, 'by-descriptor')
  const fd = openSync(path, 'w')
  const result = await buildImage({ conf: readConf(conf), output: fd, threads: 1, repoTag: undefined })
  closeSync(fd)
  assert.deepEqual(readFileSync(path), expected)
  assert.equal(result.imageId, (await readImage(path)).imageId)
})

test('tells what happens, in typed events', async () => {
  const events: BuildEvent[] = []
  const slow = new Writable({ highWaterMark: 1, write: (_chunk, _encoding, done) => void setImmediate(done) })
  const { layers, bytes } = await buildImage({ conf, output: slow, onEvent: (event) => events.push(event) })
  const of = <T extends BuildEvent['type']>(type: T): Extract<BuildEvent, { type: T }>[] =>
    events.filter((event): event is Extract<BuildEvent, { type: T }> => event.type === type)
  assert.equal(of('layer-checksummed').length, 4)
  assert.deepEqual(
    of('layer-started').map((event) => event.number),
    [1, 2, 3, 4],
  )
  assert.deepEqual(
    of('layer-streamed').map(({ source, digest, size }) => ({ source, diffId: digest, size })),
    layers,
  )
  assert.ok(of('layer-planned').reduce((sum, { size }) => sum + size, 0) < bytes!)
  assert.deepEqual(of('image-planned'), [
    {
      type: 'image-planned',
      shape: 'in-order',
      destinations: ['the output'],
      isRemote: false,
      layers: layers.length,
    },
  ])
  assert.equal(events.at(-1)?.type, 'done')
  const started = events.findIndex((event) => event.type === 'layer-started')
  assert.ok(events.findIndex((event) => event.type === 'no-base') < started)
})

test('stops for an AbortSignal, before, in the middle, and while the stream takes nothing', async () => {
  const before = AbortSignal.abort(new Error('never mind'))
  await assert.rejects(buildImage({ conf, output: new PassThrough(), signal: before }), { code: 'ABORTED' })

  const controller = new AbortController()
  // The build waits from its first write on.
  const write = (): void => void setImmediate(() => controller.abort('enough'))
  const stuck = new Writable({ highWaterMark: 1, write })
  const build = buildImage({ conf, output: stuck, signal: controller.signal })
  await assert.rejects(
    build,
    (error) => error instanceof ImageError && error.code === 'ABORTED' && error.cause === 'enough',
  )
})

test('fails with what a listener throws, whatever it was told of', async () => {
  for (const type of ['worked', 'layer-checksummed', 'done']) {
    const onEvent = (event: BuildEvent): void => {
      if (event.type === type) throw new Error(`no ${type}`)
    }
    await assert.rejects(buildImage({ conf, output: new PassThrough().resume(), onEvent }), {
      code: 'INTERNAL',
      message: new RegExp(`no ${type}$`),
    })
  }
})

test('fails with OUTPUT_CLOSED when the stream is destroyed, with OUTPUT_FAILED when it fails', async () => {
  const closing = new Writable({
    highWaterMark: 1,
    write: (_chunk, _encoding, done) => void setImmediate(done),
  })
  const build = buildImage({
    conf,
    output: closing,
    onEvent: (event) => event.type === 'layer-streamed' && closing.destroy(),
  })
  await assert.rejects(build, { code: 'OUTPUT_CLOSED' })
  const failing = new Writable({
    write: (_chunk, _encoding, done) => done(Object.assign(new Error('disk on fire'), { code: 'EIO' })),
  })
  await assert.rejects(buildImage({ conf, output: failing }), {
    code: 'OUTPUT_FAILED',
    message: /disk on fire/,
  })
})

test('several builds run side by side in one process', async () => {
  const digests = await Promise.all(
    [1, 2, 3].map(async (threads) => {
      const hash = createHash('sha256')
      await buildImage({
        conf,
        threads,
        output: new Writable({
          write(chunk: Buffer, _encoding, done) {
            hash.update(chunk)
            done()
          },
        }),
      })
      return hash.digest('hex')
    }),
  )
  assert.equal(new Set(digests).size, 1)
})
