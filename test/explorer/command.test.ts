/** `inspect --html`, and the pages of `serve`. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import type { ExplorerData } from '../../src/explorer/data.js'
import { inspectImage } from '../../src/index.js'
import { CLI, writeConf } from '../support/image.js'
import { scratchDirectory } from '../support/scratch.js'
import { startServe } from '../support/serve.js'
import { nixImage, writeTarImage } from '../support/tar-image.js'

const root = scratchDirectory()
const archive = join(root, 'app.tar')
const older = join(root, 'older.tar')
writeTarImage(archive, nixImage(['app:1.1'], '1.1'))
writeTarImage(older, nixImage(['app:1.0']))

function inspect(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [CLI, 'inspect', ...args], { encoding: 'utf8', cwd: root })
}

function embedded(html: string): ExplorerData {
  const [, json = ''] = /<script type="application\/json" id="data">(.*?)<\/script>/s.exec(html) ?? []
  return JSON.parse(json) as ExplorerData
}

function pageOf(...args: string[]): ExplorerData {
  const file = join(root, 'page.html')
  const { status, stdout, stderr } = inspect(...args, '--html', file)
  assert.deepEqual([status, stdout, stderr], [0, '', ''])
  return embedded(readFileSync(file, 'utf8'))
}

describe('inspect --html', () => {
  test('writes a page with what is in each layer, directories too, and how it compares', () => {
    const { image, paths, layers, others } = pageOf(archive, older)
    assert.equal(image, archive)
    assert.deepEqual(
      paths.map((path) => path.slice(33)),
      ['glibc-2.40', 'zlib-1.3', 'openssl-3.4', 'app-1.1'],
    )
    assert.deepEqual(
      layers.map(({ things }) => things),
      [
        [[0, 200_000, 3, [['lib', 200_000, 1]]]],
        [
          [1, 9000, 3, [['lib', 9000, 1]]],
          [2, 70_000, 3, [['lib', 70_000, 1]]],
        ],
        [[3, 12_000, 3, [['lib', 12_000, 1]]]],
        [
          ['/bin', 0, 2],
          ['/etc', 30, 2],
        ],
      ],
    )
    assert.deepEqual(others, [{ image: older, of: 4, shared: [1, 2] }])
  })

  test('of a configuration has the same directories, without reading files', () => {
    const store = join(root, 'store')
    const path = join(store, `${'a'.repeat(32)}-app`)
    mkdirSync(join(path, 'lib/deep'), { recursive: true })
    writeFileSync(join(path, 'lib/deep/file'), Buffer.alloc(5000))
    const { layers, isRead } = pageOf(writeConf(root, { store_dir: store, store_layers: [[path]] }))
    assert.deepEqual(layers[0]!.things, [[0, 5000, 4, [['lib', 5000, 2, [['deep', 5000, 1]]]]]])
    assert.equal(isRead, false)
  })

  test('tells larger files whose contents are in several layers', async () => {
    const double = join(root, 'double.tar')
    const data = Buffer.alloc(100_000, 'same')
    const layer = (...names: string[]): { members: { name: string; data: Buffer }[] } => ({
      members: names.map((name) => ({ name, data })),
    })
    const small = { members: [{ name: 'small', data: Buffer.alloc(100, 'same') }] }
    const layers = [layer('usr/lib/a.so', 'usr/lib/link.so'), small, small, layer('opt/b.so')]
    writeTarImage(double, { layers })
    const { repeatedFiles } = await inspectImage({ image: double, detailed: true })
    assert.deepEqual(
      repeatedFiles!.map(({ size, count, places }) => [size, count, places]),
      [
        [
          100_000,
          3,
          [
            { layer: 1, path: '/usr/lib/a.so' },
            { layer: 1, path: '/usr/lib/link.so' },
            { layer: 4, path: '/opt/b.so' },
          ],
        ],
      ],
    )
    const { files } = pageOf(double)
    assert.deepEqual(files[0]!.places.at(-1), [4, '/opt/b.so'])
  })

  test('takes references of a registration, and shows a build with its report', () => {
    const [glibc, app] = [`/nix/store/${'g'.repeat(32)}-glibc-2.40`, `/nix/store/${'a'.repeat(32)}-app-1.1`]
    const entry = (path: string, ...references: string[]): string =>
      `${[path, `sha256:${'0'.repeat(52)}`, 1, '', references.length, ...references].join('\n')}\n`
    writeFileSync(join(root, 'registration'), entry(app, glibc) + entry(glibc))
    const work = { type: 'worked', task: 'blob', subject: 'it', thread: 1, from: 0, to: 1 }
    writeFileSync(join(root, 'report.json'), JSON.stringify({ seconds: 1, events: [work] }))
    const { references, timeline } = pageOf(
      archive,
      '--registration',
      'registration',
      '--report',
      'report.json',
    )
    assert.deepEqual(references, { of: [[], null, null, [0]] })
    assert.deepEqual(timeline?.threads, [{ thread: 1, works: [[0, 1000, 0, 'it']] }])
  })

  test('writes the same page to standard output', () => {
    const { image, layers } = pageOf(archive)
    const { status, stdout } = inspect(archive, '--html', '-')
    assert.equal(status, 0)
    const found = embedded(stdout)
    assert.deepEqual([found.image, found.layers], [image, layers])
  })

  test('writes over no image, and nothing where the image cannot be read', () => {
    const { status, stderr } = inspect(archive, '--html', archive)
    assert.deepEqual([status, /expected a file of its own/.test(stderr)], [2, true], stderr)
    assert.equal(inspect('missing.tar', '--html', 'missing.html').status, 1)
    assert.equal(existsSync(join(root, 'missing.html')), false)
  })

  test('what only a page shows is asked for with one', () => {
    for (const args of [
      ['--report', 'x'],
      ['--registration', 'x'],
      ['--json', '--html', 'x'],
    ])
      assert.equal(inspect(archive, ...args).status, 2, args.join(' '))
  })
})

test('serve links each image to its page, made when it is asked for', async () => {
  const store = join(root, 'served')
  mkdirSync(join(store, 'path'), { recursive: true })
  writeFileSync(join(store, 'path', 'file'), Buffer.alloc(3000))
  const conf = { store_dir: store, store_layers: [[join(store, 'path')]], repo_tag: 'team/app:1.0' }
  const { host } = await startServe([writeConf(join(root), conf)])
  const front = await (await fetch(`http://${host}/`)).text()
  const [, link] = /<a href="([^"]+)">/.exec(front) ?? []
  assert.equal(link, '/explore/team/app:1.0')
  const answer = await fetch(`http://${host}${link}`)
  const html = await answer.text()
  assert.equal(answer.headers.get('content-type'), 'text/html; charset=utf-8')
  const policy = answer.headers.get('content-security-policy')!
  assert.match(policy, /^default-src 'none'; script-src 'sha256-/)
  assert.ok(html.includes(`content="${policy}"`))
  assert.deepEqual(embedded(html).layers[0]!.things, [[0, 3000, 2]])
  for (const [path, status, code] of [
    ['/explore/team/app:2.0', 404, 'MANIFEST_UNKNOWN'],
    ['/explore/other:1.0', 404, 'NAME_UNKNOWN'],
    ['/explore/', 404, 'UNSUPPORTED'],
    [`/explore/${'a'.repeat(9000)}:1.0`, 400, 'NAME_INVALID'],
    ['/explore/%00:1.0', 400, 'NAME_INVALID'],
  ] as const) {
    const refused = await fetch(`http://${host}${path}`)
    const { errors } = (await refused.json()) as { errors: { code: string }[] }
    assert.deepEqual([refused.status, errors[0]!.code], [status, code], path.slice(0, 80))
  }
})
