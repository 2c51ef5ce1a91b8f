import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import type { BuildEvent } from '../../src/model/events.js'
import { runCli, writeConf } from '../support/image.js'
import { scratchDirectory } from '../support/scratch.js'

const root = scratchDirectory()
const store = join(root, 'store')
const layers = Array.from({ length: 8 }, (_, i) => [join(store, `path-${i}`)])
for (const [path] of layers) {
  mkdirSync(path!, { recursive: true })
  writeFileSync(join(path!, 'file'), Buffer.alloc(2_000_000, path!))
}
const conf = writeConf(join(root), { store_dir: store, store_layers: layers })

interface Report {
  version: string
  started: string
  seconds: number
  events: (BuildEvent & { at: number })[]
  result: { imageId: string; layers: unknown[] }
}

describe('--report', () => {
  test('writes what happened when: events, what threads did, the result', () => {
    const file = join(root, 'report.json')
    const before = Date.now()
    const { status, stderr } = runCli(conf, ['--report', file, '--jobs', '2'])
    assert.equal(status, 0, stderr)
    const report = JSON.parse(readFileSync(file, 'utf8')) as Report
    assert.ok(Date.parse(report.started) >= before && Date.parse(report.started) <= Date.now())
    assert.match(report.result.imageId, /^sha256:/)
    assert.equal(report.result.layers.length, 9)
    const times = report.events.map(({ at }) => at)
    assert.deepEqual(
      times,
      [...times].sort((a, b) => a - b),
    )
    assert.equal(report.events.at(-1)?.type, 'done')
    const works = report.events.filter((event) => event.type === 'worked')
    const checksums = works.filter(({ task }) => task === 'checksum')
    assert.deepEqual(
      checksums.map(({ subject }) => subject).sort(),
      layers.map(([path]) => `layer of ['${path}']`),
    )
    for (const { from, to, thread, at } of works) {
      assert.ok(thread >= 0 && from >= 0 && from <= to && to <= at + 0.005, JSON.stringify({ from, to, at }))
      assert.ok(at <= report.seconds)
    }
    assert.ok(works.some(({ thread }) => thread > 0))
    // A thread does one thing at a time.
    for (const one of new Set(works.map(({ thread }) => thread))) {
      const sorted = works.filter(({ thread }) => thread === one).sort((a, b) => a.from - b.from)
      for (const [i, work] of sorted.entries()) assert.ok(i === 0 || work.from >= sorted[i - 1]!.to - 0.005)
    }
  })

  test('is not there when the build fails, nor half of it', () => {
    const broken = join(root, 'broken')
    mkdirSync(broken)
    const bad = writeConf(broken, { store_dir: store, store_layers: [[join(store, 'missing')]] })
    const { status } = runCli(bad, ['--report', join(broken, 'report.json')])
    assert.equal(status, 1)
    assert.deepEqual(
      readdirSync(broken).filter((name) => name.includes('report')),
      [],
    )
  })

  test('changes nothing of the image, wherever it is', () => {
    const [apart, among] = [join(root, 'apart.tar'), join(root, 'among.tar')]
    const report = join(layers[0]![0]!, 'report.json')
    assert.equal(runCli(conf, ['-o', apart]).status, 0)
    const { status, stderr } = runCli(conf, ['-o', among, '--report', report])
    assert.equal(status, 0, stderr)
    assert.ok(readFileSync(among).equals(readFileSync(apart)))
    rmSync(report)
  })

  test('that cannot be written is told before the build', () => {
    const image = join(root, 'none.tar')
    const { status, stderr } = runCli(conf, ['-o', image, '--report', join(root, 'nowhere', 'report.json')])
    assert.equal(status, 1)
    assert.match(stderr, /nowhere.*\[OUTPUT_FAILED\]/)
    assert.equal(existsSync(image), false)
  })

  test('takes the place of nothing else that is written or read', () => {
    const image = join(root, 'image.tar')
    for (const args of [
      ['-o', image, '--report', image],
      ['-o', image, '--report', conf],
      ['-o', image, '--digest-file', join(root, 'digest'), '--report', join(root, 'digest')],
    ]) {
      const { status, stderr } = runCli(conf, args)
      assert.equal(status, 2, stderr)
      assert.match(stderr, /expected a file of its own/)
    }
    const layout = join(root, 'layout')
    for (const option of ['--report', '--digest-file']) {
      const { status, stderr } = runCli(conf, ['-o', `oci:${layout}`, option, join(layout, 'index.json')])
      assert.equal(status, 2, stderr)
      assert.match(stderr, /expected a place outside of the image layout/)
    }
    assert.equal(existsSync(layout), false)
    assert.equal(existsSync(image), false)
  })
})
