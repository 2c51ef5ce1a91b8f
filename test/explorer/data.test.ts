import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { type Rectangle, squarify } from '../../src/explorer/client/squarify.js'
import type { ExplorerData } from '../../src/explorer/data.js'
import { imageData } from '../../src/explorer/image-data.js'
import { explorerPage } from '../../src/explorer/page.js'
import { referencesOf } from '../../src/explorer/references.js'
import { readTimeline } from '../../src/explorer/timeline-data.js'
import { digestOf } from '../../src/model/digest.js'
import { imageFacts, storePath } from '../support/facts.js'
import { scratchDirectory } from '../support/scratch.js'

const root = scratchDirectory()
const [glibc, app, gone] = [storePath(1, 'glibc'), storePath(2, 'app'), storePath(3, 'gone')]
const NONE = { missing: 'nobody was asked' }

/** What a page has embedded. */
function embedded(html: string): ExplorerData {
  const [, json = ''] = /<script type="application\/json" id="data">(.*?)<\/script>/s.exec(html) ?? []
  return JSON.parse(json) as ExplorerData
}

describe('what a page is given', () => {
  test('names each store path once, and directories as a tree', () => {
    const directories = [
      { path: 'share', bytes: 80, members: 5 },
      { path: 'share/doc', bytes: 50, members: 2 },
      { path: 'bin', bytes: 20, members: 1 },
    ]
    const facts = imageFacts([[{ path: glibc, bytes: 100, members: 8, directories }], [{ path: glibc }]])
    const { paths, layers } = imageData(facts, NONE)
    assert.deepEqual(paths, [glibc.slice('/nix/store/'.length)])
    assert.deepEqual(
      layers.map(({ things }) => things),
      [
        [
          [
            0,
            100,
            8,
            [
              ['share', 80, 5, [['doc', 50, 2]]],
              ['bin', 20, 1],
            ],
          ],
        ],
        [[0, null, null]],
      ],
    )
  })

  test('tells store paths that are in several layers, and whether they are equal there', () => {
    const [one, two] = [digestOf(Buffer.from('1')), digestOf(Buffer.from('2'))]
    const of = (digest?: typeof one, bytes = 7): object =>
      imageData(
        imageFacts([
          [{ path: app, bytes: 7, digest: one }],
          [{ path: app, bytes, ...(digest && { digest }) }, { path: glibc }],
        ]),
        NONE,
      ).repeated
    const found = { path: 0, layers: [1, 2], bytes: 7 }
    assert.deepEqual(of(one), [{ ...found, isEqual: true }])
    assert.deepEqual(of(two), [{ ...found, isEqual: false }])
    assert.deepEqual(of(undefined), [{ ...found, isEqual: null }])
    assert.deepEqual(of(undefined, 8), [{ ...found, isEqual: false }])
  })

  test('has references among its paths, and null of those that are not known', () => {
    const references = new Map([
      [app, [glibc, gone]],
      [glibc, []],
    ])
    const facts = imageFacts([[{ path: glibc }], [{ path: app }, { path: storePath(9, 'other') }]])
    assert.deepEqual(imageData(facts, references).references, { of: [[], [0], null] })
    assert.deepEqual(imageData(facts, NONE).references, NONE)
  })

  test('lists the largest of an image that has more than a page can show', () => {
    const many = Array.from({ length: 25_000 }, (_, i) => ({ path: storePath(i, 'x'), bytes: i }))
    const [layer] = imageData(imageFacts([many]), NONE).layers
    assert.equal(layer!.things.length, 20_000)
    assert.deepEqual(layer!.more, [5000, (4999 * 5000) / 2])
  })
})

describe('references', () => {
  const registration = join(root, 'registration')
  const facts = imageFacts([[{ path: glibc }], [{ path: app }]])

  test('are those of a registration, which may have other paths too', async () => {
    const hash = `sha256:${'0'.repeat(52)}`
    const entry = (path: string, ...references: string[]): string =>
      `${[path, hash, '100', '', references.length, ...references].join('\n')}\n`
    writeFileSync(registration, entry(app, glibc, gone) + entry(glibc) + entry(gone))
    assert.deepEqual(
      await referencesOf(facts, registration, undefined),
      new Map([
        [app, [glibc, gone]],
        [glibc, []],
      ]),
    )
  })

  test('that nobody knows have a reason', async () => {
    writeFileSync(registration, '')
    assert.deepEqual(await referencesOf(facts, registration, undefined), {
      missing: 'the registration does not have these paths',
    })
    assert.deepEqual(await referencesOf(imageFacts([[]]), undefined, undefined), {
      missing: 'the image has no store paths',
    })
  })
})

describe('a page', () => {
  const hostile = '</script><script>alert(1)</script><!--<img src=x onerror=alert(1)>\u2028\u202e'
  const { html, policy } = explorerPage(
    imageData(imageFacts([[{ path: `/nix/store/${hostile}`, bytes: 1 }]], { image: hostile }), NONE),
  )

  test('embeds names so that they are data and nothing else', () => {
    assert.equal(html.match(/<script/g)!.length, 2)
    assert.equal(html.match(/<\/script>/g)!.length, 2)
    assert.ok(!/[\u2028\u202e]|<img|<!--/.test(html))
    assert.match(
      embedded(html).paths[0]!,
      /^<\/script><script>alert\(1\)<\/script><!--<img .*\\u2028\\u202e$/,
    )
  })

  test('runs only its own script with its own styles, by their hashes', () => {
    const [, script = ''] = /<script>(.*?)<\/script>/s.exec(html) ?? []
    const [, style = ''] = /<style>(.*?)<\/style>/s.exec(html) ?? []
    const hash = (text: string): string => `'sha256-${createHash('sha256').update(text).digest('base64')}'`
    assert.ok(script.length > 5000 && style.length > 1000)
    assert.equal(
      policy,
      `default-src 'none'; script-src ${hash(script)}; style-src ${hash(style)}; base-uri 'none'; form-action 'none'`,
    )
    assert.ok(html.includes(`<meta http-equiv="Content-Security-Policy" content="${policy}">`))
  })

  test('names no other place', () => {
    const { html } = explorerPage(imageData(imageFacts([[{ path: app, bytes: 1 }]]), NONE))
    assert.deepEqual(html.match(/\b(?:https?:|src=|href=|url\(|@import)[^"']*/g), null)
  })
})

describe('a timeline', () => {
  const file = join(root, 'report.json')

  test('is of the works in a report, by thread', async () => {
    const work = { type: 'worked', task: 'blob', subject: 'layer of a' }
    const events = [
      { at: 0, type: 'no-base' },
      { at: 0.3, ...work, thread: 2, from: 0.1, to: 0.3 },
      { at: 0.4, ...work, thread: 1, from: 0.2, to: 0.4, task: 'plan' },
    ]
    writeFileSync(file, JSON.stringify({ seconds: 0.5, events }))
    assert.deepEqual(await readTimeline(file, undefined), {
      milliseconds: 500,
      tasks: ['blob', 'plan'],
      threads: [
        { thread: 1, works: [[200, 400, 1, 'layer of a']] },
        { thread: 2, works: [[100, 300, 0, 'layer of a']] },
      ],
      more: 0,
    })
  })

  test('of what is no report is one error', async () => {
    const found = [
      '',
      '[]',
      '{"seconds":-1,"events":[]}',
      '{"seconds":1,"events":[{"type":"worked","thread":"<b>"}]}',
    ]
    for (const text of found) {
      writeFileSync(file, text)
      await assert.rejects(readTimeline(file, undefined), { code: 'OPTION_INVALID', message: /^--report / })
    }
    await assert.rejects(readTimeline(join(root, 'none'), undefined), { code: 'OPTION_INVALID' })
  })
})

test('rectangles of a treemap have the areas of their weights, fill the whole, and do not overlap', () => {
  const whole = { x: 3, y: 5, width: 800, height: 450 }
  const weights = fc.array(fc.integer({ min: 1, max: 1e9 }), { minLength: 1, maxLength: 40 })
  fc.assert(
    fc.property(weights, (unsorted) => {
      const sorted = [...unsorted].sort((a, b) => b - a)
      const found = squarify(sorted, whole)
      const sum = sorted.reduce((total, weight) => total + weight, 0)
      for (const [i, { x, y, width, height }] of found.entries()) {
        assert.ok(Math.abs(width * height - (sorted[i]! / sum) * 800 * 450) < 1e-3)
        assert.ok(x > 2.999 && y > 4.999 && x + width < 803.001 && y + height < 455.001)
      }
      for (const [i, one] of found.entries())
        for (const other of found.slice(i + 1)) assert.ok(overlap(one, other) < 1e-3)
    }),
  )
  assert.deepEqual(squarify([0, 0], whole), [
    { x: 3, y: 5, width: 0, height: 0 },
    { x: 3, y: 5, width: 0, height: 0 },
  ])
})

function overlap(a: Rectangle, b: Rectangle): number {
  const width = Math.min(a.x + a.width, b.x + b.width) - Math.max(a.x, b.x)
  const height = Math.min(a.y + a.height, b.y + b.height) - Math.max(a.y, b.y)
  return Math.max(0, width) * Math.max(0, height)
}
