/** What displays show, and in how many columns. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import stringWidth from 'string-width'
import type { BuildEvent, LayerUnderWay } from '../../src/model/events.js'
import { liveBlock, unpainted } from '../../src/report/live-block.js'
import { fractionOf, initial, rateOf, reduce, type State, timeLeft } from '../../src/report/state.js'
import { statusLine } from '../../src/report/status.js'
import { amount, duration, part, pathOf, shortPathOf } from '../../src/report/words.js'

const DIGEST = `sha256:${'0'.repeat(64)}` as const
const MB = 1_000_000

function source(name: string): LayerUnderWay['source'] {
  return { kind: 'store', paths: [`/nix/store/${'0'.repeat(32)}-${name}`] }
}

/** What comes of events, each with the seconds at which it came. */
function after(...events: [number, BuildEvent][]): State {
  return events.reduce((state, [at, event]) => reduce(state, event, at * 1000), initial(0))
}

function planned(
  layers: number,
  more: Partial<Extract<BuildEvent, { type: 'image-planned' }>> = {},
): BuildEvent {
  return {
    type: 'image-planned',
    shape: 'by-digest',
    destinations: ['oci:dir'],
    isRemote: false,
    layers,
    ...more,
  }
}

function size(number: number, bytes: number): BuildEvent {
  return { type: 'layer-planned', number, source: source(`p${number}`), size: bytes }
}

function underWay(
  number: number,
  step: LayerUnderWay['step'],
  done: number,
  total: number,
  bytes = total,
): LayerUnderWay {
  return { number, source: source(`p${number}`), step, done, total, size: bytes }
}

function delivered(number: number, bytes: number, outcome: 'uploaded' | 'skipped'): BuildEvent {
  const blob = { digest: DIGEST, size: bytes / 2 }
  return {
    ...{ type: 'layer-delivered', number, source: source(`p${number}`), digest: DIGEST, size: bytes, blob },
    outcomes: [outcome],
  }
}

describe('the state', () => {
  test('counts by layers until all sizes are known, then by bytes', () => {
    const half: [number, BuildEvent][] = [
      [0, planned(2)],
      [0, size(1, 90 * MB)],
      [1, delivered(1, 90 * MB, 'uploaded')],
    ]
    assert.equal(fractionOf(after(...half)), 0.5)
    assert.equal(fractionOf(after(...half, [1, size(2, 10 * MB)])), 0.9)
    assert.equal(
      fractionOf(
        after(
          ...half,
          [1, size(2, 10 * MB)],
          [2, { type: 'progress', layers: [underWay(2, 'making', 5 * MB, 10 * MB)] }],
        ),
      ),
      0.95,
    )
  })

  test('what is made is half through where it has still to be sent', () => {
    const at = (layer: LayerUnderWay): number =>
      fractionOf(
        after(
          [0, planned(1, { isRemote: true })],
          [0, size(1, 100)],
          [1, { type: 'progress', layers: [layer] }],
        ),
      )
    assert.equal(at(underWay(1, 'making', 100, 100)), 0.5)
    assert.equal(at(underWay(1, 'sending', 0, 30, 100)), 0.5)
    assert.equal(at(underWay(1, 'sending', 15, 30, 100)), 0.75)
  })

  test('rate and time left are of what was made or sent, not of what was there', () => {
    const state = after(
      [0, planned(4)],
      ...[1, 2, 3, 4].map((number): [number, BuildEvent] => [0, size(number, 100 * MB)]),
      [1, delivered(1, 100 * MB, 'uploaded')],
      [1.5, delivered(2, 100 * MB, 'skipped')],
      [2, delivered(3, 100 * MB, 'uploaded')],
    )
    assert.equal(rateOf(state), 100 * MB)
    assert.equal(timeLeft(state), 1)
    assert.match(statusLine(state), /^3 of 4 layers, 1 s left, 300 of 400 MB, 100 MB\/s, 1 there already$/)
  })

  test('a rate forgets what was seconds ago', () => {
    const events = Array.from({ length: 20 }, (_, i): [number, BuildEvent] => [
      i,
      { type: 'progress', layers: [underWay(1, 'making', i < 10 ? 0 : (i - 10) * MB, 100 * MB)] },
    ])
    assert.equal(rateOf(after([0, planned(1)], ...events)), MB)
  })

  test('a further way out begins anew, but for the time', () => {
    const state = after([0, planned(1)], [0, size(1, 10)], [1, delivered(1, 10, 'uploaded')], [2, planned(3)])
    assert.deepEqual([state.startedAt, state.layers, state.done.layers, fractionOf(state)], [0, 3, 0, 0])
  })

  test('what an engine will take is not foretold', () => {
    const state = after(
      [0, planned(2, { shape: 'served', destinations: ['docker-daemon:'] })],
      [1, size(1, 10)],
      [1, size(2, 10)],
    )
    assert.equal(timeLeft(state), undefined)
    assert.equal(statusLine(state), '2 of 2 layers read')
  })
})

describe('the live block', () => {
  const NAMES = [
    'glibc-2.38',
    '日本語の長い名前のパッケージ-1.0',
    'a-name-that-is-longer-than-most-names-are-'.repeat(6),
    '\x1b[31mred\n',
  ]
  const busy = after(
    [
      0,
      planned(100, {
        destinations: ['docker://registry.example/日本語/'.repeat(4), '\x1b[2Jx'],
        isRemote: true,
      }),
    ],
    ...Array.from({ length: 100 }, (_, i): [number, BuildEvent] => [0, size(i + 1, 29 * MB)]),
    [1, delivered(1, 29 * MB, 'uploaded')],
    [1, delivered(2, 29 * MB, 'skipped')],
    [
      4,
      {
        type: 'progress',
        layers: [...NAMES, 'more', 'still-more'].map((name, i) => ({
          ...underWay(i + 10, i % 2 === 0 ? 'making' : 'sending', 12 * MB, 29 * MB),
          source: source(name),
        })),
      },
    ],
  )

  for (const width of [40, 41, 60, 80, 120, 200])
    test(`fits ${width} columns`, () => {
      const lines = liveBlock(busy, width, 24, unpainted)
      assert.equal(lines.length, 7)
      for (const line of lines) {
        assert.ok(stringWidth(line) <= width, `${stringWidth(line)}: ${line}`)
        assert.doesNotMatch(line, /[\x00-\x1f]/)
      }
      assert.match(lines[1]!, /^\[=* *\] {1,3}\d+ % {2}2 of 100 layers/)
      assert.match(lines[2]!, /^ {2}making {4}glibc-2\.38 {2}12 of 29 MB$/)
      assert.equal(lines[6], '  and 2 more')
    })

  test('says all that is known where there is room', () => {
    const [title, gauge] = liveBlock(busy, 200, 24, unpainted)
    assert.match(title!, /^to docker:\/\/.*, \\x1b\[2Jx$/)
    assert.match(gauge!, /2 of 100 layers {2}.* left {2}.* of 2\.9 GB {2}.*B\/s {2}1 there already$/)
  })

  test('is lower where there are few rows, and never empty', () => {
    for (const rows of [1, 2, 4]) assert.equal(liveBlock(busy, 80, rows, unpainted).length, 2)
    assert.equal(liveBlock(busy, 80, 6, unpainted).length, 5)
    assert.deepEqual(liveBlock(initial(0), 80, 24, unpainted), ['reading the image'])
  })

  test('paint takes no columns', () => {
    const painted = liveBlock(busy, 60, 24, (_, text) => `\x1b[2m${text}\x1b[0m`)
    for (const line of painted) assert.ok(stringWidth(line) <= 60)
  })
})

test('amounts and times in few characters', () => {
  assert.deepEqual([0, 999, 1000, 999_499, 999_500, 31_400_000, 2.9e9].map(amount), [
    ...['0 B', '999 B', '1.0 kB', '999 kB', '1.0 MB', '31 MB', '2.9 GB'],
  ])
  assert.equal(part(0, 2.9e9), '0 of 2.9 GB')
  assert.equal(part(120e6, 812e6), '120 of 812 MB')
  assert.deepEqual([0.04, 9.94, 9.96, 59.6, 3599, 3600, 7530].map(duration), [
    ...['0.0 s', '9.9 s', '10 s', '1 min 0 s', '59 min 59 s', '1 h 0 min', '2 h 6 min'],
  ])
})

test('a layer is known by its first path', () => {
  const paths = ['glibc-2.38', 'gcc-13'].map((name) => `/nix/store/${'0'.repeat(32)}-${name}`)
  assert.equal(pathOf({ kind: 'store', paths }), `${paths[0]} and 1 more`)
  assert.equal(shortPathOf({ kind: 'store', paths }), 'glibc-2.38 and 1 more')
  assert.equal(shortPathOf({ kind: 'base', name: 'abc/layer.tar' }), 'layer.tar')
  assert.equal(shortPathOf({ kind: 'customisation', directory: '/nix/store/x' }), 'the customisation layer')
})
