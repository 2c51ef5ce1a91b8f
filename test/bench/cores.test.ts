import assert from 'node:assert/strict'
import { test } from 'node:test'
import { simulateBuild } from '../../bench/cores/build.js'
import { type Process, runOn } from '../../bench/cores/machine.js'
import type { Costs, LayerCosts, Way } from '../../bench/cores/model.js'

const NOTHING: Costs = { layers: [], hash: 0, write: 0, take: 0, start: 0, thread: 0 }
const layer = (costs: Partial<LayerCosts>): LayerCosts => {
  return { bytes: 1 << 20, walk: 0, read: 0, produce: 0, produceKept: 0, chunks: 0, isMost: false, ...costs }
}
const seconds = (costs: Partial<Costs>, cores: number, way: Partial<Way> = {}): number => {
  const full = { cores, threads: cores, readers: 2, known: 'no' as const, ...way }
  return Number(simulateBuild({ ...NOTHING, ...costs }, full).seconds.toFixed(6))
}

function* working(...parts: number[]): Process {
  yield* parts
}

test('processes share the cores evenly', () => {
  assert.deepEqual(runOn(1, [working(1), working(2)]), { seconds: 3, cpu: 3 })
  assert.deepEqual(runOn(2, [working(1), working(2)]), { seconds: 2, cpu: 3 })
  assert.deepEqual(runOn(2, [working(2), working(2), working(2)]), { seconds: 3, cpu: 6 })
  assert.deepEqual(runOn(8, [working(1, 0, 2)]), { seconds: 3, cpu: 3 })
})

test('a process waits for another, or for as long as it said', () => {
  let isDone = false
  function* first(): Process {
    yield 3
    isDone = true
  }
  function* second(within?: number): Process {
    yield { until: () => isDone, ...(within === undefined ? {} : { within }) }
    yield 1
  }
  assert.equal(runOn(2, [first(), second()]).seconds, 4)
  isDone = false
  assert.equal(runOn(2, [first(), second(0.5)]).seconds, 3)
  assert.throws(
    () =>
      runOn(2, [
        second(),
        (function* (): Process {
          yield { until: () => false }
        })(),
      ]),
    /waits for itself/,
  )
})

test('one layer on one core takes the sum of its costs', () => {
  const bytes = 1 << 20
  const costs = {
    layers: [layer({ walk: 1, read: 2, produce: 3 })],
    hash: 4 / bytes,
    write: 5 / bytes,
    take: 6 / bytes,
  }
  assert.equal(seconds({ ...costs, start: 7, thread: 8 }, 1), 36)
})

test('two equal layers on two cores are summed side by side', () => {
  const layers = [layer({ walk: 1, read: 2 }), layer({ walk: 1, read: 2 })]
  assert.equal(seconds({ layers }, 1), 6)
  assert.equal(seconds({ layers }, 2), 3)
  assert.equal(seconds({ layers }, 16), 3)
})

test('one layer is hashed by one thread, however many cores there are', () => {
  const bytes = 1 << 30
  const costs = { layers: [layer({ bytes })], hash: 10 / bytes }
  for (const cores of [1, 2, 16]) assert.equal(seconds(costs, cores), 10)
})

test('threads with nothing to do read what another hashes', () => {
  const bytes = 1 << 30
  const costs = { layers: [layer({ bytes, read: 10 })], hash: 10 / bytes }
  assert.equal(seconds(costs, 4, { readers: 0 }), 20)
  const helped = seconds(costs, 4)
  assert.ok(helped >= 10 && helped < 11, `${helped}`)
  // Two threads have 20 seconds of work.
  assert.ok(seconds(costs, 2) >= 10)
})

test('from three threads on others help to stream', () => {
  const costs = { layers: [layer({ bytes: 1 << 30, produce: 12 })] }
  assert.equal(seconds(costs, 2), 12)
  const [three, eight, all] = [seconds(costs, 3), seconds(costs, 8), seconds(costs, 8, { readers: 8 })]
  assert.ok(three >= 4 && three < 4.1, `${three}`)
  assert.ok(eight >= 4 && eight < 4.1, `${eight}`)
  assert.ok(all >= 1.5 && all < 1.6, `${all}`)
})

test('the main thread writes one layer after the other, and the reader beside it', () => {
  const bytes = 64 << 20
  const layers = [layer({ bytes }), layer({ bytes })]
  const written = seconds({ layers, write: 5 / bytes, take: 5 / bytes }, 16)
  assert.ok(written >= 10 && written < 10.1, `${written}`)
  assert.equal(seconds({ layers, write: 5 / bytes, take: 5 / bytes }, 1), 20)
})

test('with digests that are remembered nothing is hashed, or the main thread does it', () => {
  const bytes = 1 << 20
  const costs = { layers: [layer({ walk: 1, read: 2, produce: 3 })], hash: 4 / bytes }
  assert.equal(seconds(costs, 1, { known: 'trusted' }), 4)
  assert.equal(seconds(costs, 1, { known: 'compared' }), 8)
})

test('passes that compare beside the streaming are done before the build is', () => {
  const bytes = 1 << 20
  const costs = { layers: [layer({ bytes, walk: 1, read: 2, produce: 3 })], hash: 4 / bytes }
  assert.equal(seconds(costs, 1, { known: 'beside' }), 10)
  assert.equal(seconds(costs, 2, { known: 'beside' }), 7)
  assert.equal(seconds(costs, 2), 10)
})
