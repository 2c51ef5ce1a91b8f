/** What programs read: events and results, as docs/progress.md has them. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import {
  type BuildEvent,
  type BuildResult,
  buildImage,
  buildIndex,
  type DryRunResult,
} from '../../src/index.js'
import { codeBlocks } from '../docs/blocks.js'
import { command, skipWithout } from '../support/clients.js'
import { CLI, writeConf } from '../support/image.js'
import { startProxy, startRegistry } from '../support/registry.js'
import { runAsync } from '../support/run-async.js'
import { scratchDirectory } from '../support/scratch.js'

const DOCUMENT = readFileSync(fileURLToPath(new URL('../../../docs/progress.md', import.meta.url)), 'utf8')

const digest = `sha256:${'0'.repeat(64)}` as const
const source = { kind: 'store', paths: ['/nix/store/a'] } as const
const layer = { number: 1, source, digest, size: 3 }
const amount = { layers: 1, bytes: 3 }

/** One of each type that there is: the compiler wants them all. */
const SAMPLES: { [T in BuildEvent['type']]: Extract<BuildEvent, { type: T }> } = {
  'configuration-found': { type: 'configuration-found', conf: 'conf.json', where: 'script' },
  'no-base': { type: 'no-base' },
  'image-planned': {
    ...{ type: 'image-planned', shape: 'served', destinations: ['containerd:'], isRemote: false, layers: 3 },
  },
  'layer-planned': { type: 'layer-planned', number: 1, image: 2, source, size: 3 },
  progress: {
    type: 'progress',
    layers: [{ number: 1, image: 1, source, step: 'taking', destination: 'x', done: 1, total: 2, size: 3 }],
  },
  'layer-checksummed': { type: 'layer-checksummed', source: { kind: 'base', name: 'a' }, digest, size: 3 },
  'layer-started': { type: 'layer-started', number: 1, source: { kind: 'customisation', directory: '/a' } },
  'layer-streamed': { type: 'layer-streamed', ...layer },
  'layer-written': { type: 'layer-written', ...layer },
  'layer-delivered': {
    ...{ type: 'layer-delivered', ...layer, source: { kind: 'image', name: 'a' }, size: undefined, image: 2 },
    ...{ blob: { digest, size: 2 }, outcomes: ['skipped'] },
  },
  'layer-taken': { type: 'layer-taken', destination: 'docker-daemon:', ...layer },
  'layer-unpacked': { type: 'layer-unpacked', destination: 'docker-daemon:', ...layer },
  'image-taken': { type: 'image-taken', destination: 'docker-daemon:', taken: amount, present: amount },
  'previous-image': { type: 'previous-image', destination: 'x', image: 'y', unchanged: 1, layers: 2 },
  worked: { type: 'worked', thread: 1, task: 'blob', subject: 'a', from: 1, to: 2 },
  'manifests-started': { type: 'manifests-started' },
  'layers-known': { type: 'layers-known', count: 1 },
  'cache-used': { type: 'cache-used', remembered: 1, new: 2 },
  warning: { type: 'warning', message: 'so' },
  done: { type: 'done' },
}

/** What the command adds. */
const OWN = ['result', 'failed', 'message']

type Check = (value: unknown) => boolean
type Fields = Map<string, { isOptional: boolean; check: Check }>

function fieldsIn(text: string): Fields {
  const found = [...text.matchAll(/`(\w+)(\??): (\w+)(\[\])?`/g)]
  return new Map(
    found.map(([, name, optional, type, many]) => {
      const check = CHECKS[type!]
      assert.ok(check !== undefined, `${name}: ${type}`)
      return [name!, { isOptional: optional === '?', check: many ? all(check) : check }]
    }),
  )
}

const all =
  (check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.every(check)
const isObject: Check = (value) => typeof value === 'object' && value !== null && !Array.isArray(value)

function fits(fields: Fields, value: unknown): boolean {
  if (!isObject(value)) return false
  const object = value as Record<string, unknown>
  return (
    Object.keys(object).every((key) => fields.has(key)) &&
    [...fields].every(([name, { isOptional, check }]) =>
      object[name] === undefined ? isOptional : check(object[name]),
    )
  )
}

const CHECKS: Record<string, Check> = {
  string: (value) => typeof value === 'string',
  boolean: (value) => typeof value === 'boolean',
  integer: (value) => Number.isSafeInteger(value) && (value as number) >= 0,
  object: isObject,
  digest: (value) => typeof value === 'string' && /^sha256:[0-9a-f]{64}$/.test(value),
  source: (value) => {
    const { kind, ...rest } = value as Record<string, unknown>
    const [key, ...others] = Object.keys(rest)
    return (
      key === { store: 'paths', customisation: 'directory' }[kind as string] ||
      (key === 'name' && others.length === 0)
    )
  },
}
for (const type of ['blob', 'amount', 'work']) {
  const [, text = ''] =
    new RegExp(`An? \`${type}\` has ((?:\`[^\`]*\`(?:, )?)+)`, 'i').exec(DOCUMENT.replaceAll('\n', ' ')) ?? []
  const fields = fieldsIn(text)
  assert.ok(fields.size > 1, type)
  CHECKS[type] = (value) => fits(fields, value)
}

const ROWS = [...DOCUMENT.split('## Events')[1]!.matchAll(/^\| `([\w-]+)` +\|([^|]*)\|/gm)]
const DOCUMENTED = new Map(ROWS.map(([, type, fields]) => [type!, fieldsIn(fields!)]))

function assertDocumented({ type, ...fields }: { type: string }): void {
  const known = DOCUMENTED.get(type)
  assert.ok(known !== undefined, type)
  assert.ok(fits(known, fields), JSON.stringify({ type, ...fields }))
}

const root = scratchDirectory()
const store = join(root, 'store')
mkdirSync(store)
const paths = ['a', 'b', 'c'].map((name) => join(store, name))
for (const path of paths) writeFileSync(path, Buffer.alloc(2_000_000, path))
const conf = writeConf(root, { store_layers: paths.map((path) => [path]) })

test('every type that there is has a row, and no other', () => {
  assert.deepEqual([...DOCUMENTED.keys()].sort(), [...Object.keys(SAMPLES), ...OWN].sort())
  for (const event of Object.values(SAMPLES)) assertDocumented(event)
})

describe('--progress json', () => {
  interface Line {
    time: string
    type: string
    [key: string]: unknown
  }

  function cli(args: string[]): { status: number | null; stdout: string; lines: Line[] } {
    const { status, stdout, stderr } = spawnSync(process.execPath, [CLI, ...args, '--progress', 'json'], {
      encoding: 'buffer',
      maxBuffer: 1 << 28,
    })
    const lines = stderr.toString('ascii').split('\n').slice(0, -1)
    return { status, stdout: stdout.toString('latin1'), lines: lines.map((line) => JSON.parse(line) as Line) }
  }

  function assertAllDocumented(lines: Line[]): void {
    for (const { time, ...event } of lines) {
      assert.equal(new Date(time).toISOString(), time)
      assertDocumented(event)
    }
  }

  test('standard error takes events, also of an image on standard output', () => {
    const { status, lines } = cli([conf, '-t', 'umläut:1'])
    assert.equal(status, 0)
    assertAllDocumented(lines)
    assert.deepEqual(
      lines.filter(({ type }) => type === 'layer-streamed').map(({ number }) => number),
      [1, 2, 3, 4],
    )
    assert.equal(lines.at(-1)!.type, 'result')
  })

  test('a failure has its code, wrong usage its words', () => {
    const broken = writeConf(join(root, 'store'), { store_layers: [[join(store, 'none')]] })
    const failing = cli([broken, '-o', join(root, 'broken.tar')])
    assertAllDocumented(failing.lines)
    assert.deepEqual(
      [failing.status, failing.lines.at(-1)!.type, failing.lines.at(-1)!.code],
      [1, 'failed', 'FILE_UNREADABLE'],
    )
  })

  test('-q leaves warnings and errors', () => {
    assert.deepEqual(cli([conf, '-o', join(root, 'quiet.tar'), '-q']).lines, [])
    const { lines } = cli([conf, '-o', join(root, 'quiet.tar'), '-q', '-o', '/nowhere/x'])
    assert.deepEqual(
      lines.map(({ type }) => type),
      ['failed'],
    )
  })
})

test('events of all ways out are as documented, and their totals add up', async () => {
  const events: BuildEvent[] = []
  const destinations = [
    join(root, 'a.tar'),
    `oci:${join(root, 'dir')}`,
    `oci-archive:${join(root, 'b.tar')}`,
    '/dev/null',
  ]
  const result = await buildImage({
    ...{ conf, destinations, cache: join(root, 'cache'), onEvent: (event) => events.push(event) },
  })
  for (const event of events) assertDocumented(event)
  const ways = events.filter((event) => event.type === 'image-planned')
  assert.deepEqual(
    ways.map(({ shape, destinations }) => [shape, destinations]),
    [
      ['at-offsets', [destinations[0]]],
      ['by-digest', destinations.slice(1, 3)],
      ['in-order', destinations.slice(3)],
    ],
  )
  const sizes = result.layers.reduce((sum, { size }) => sum + size!, 0)
  const planned = events.filter((event) => event.type === 'layer-planned')
  assert.equal(planned.length, 3 * result.layers.length)
  assert.equal(
    planned.reduce((sum, { size }) => sum + size, 0),
    3 * sizes,
  )
  assertResult(result, destinations, ['written', 'uploaded', 'uploaded', 'streamed'])
})

test('of several images, each layer has the image’s number', async () => {
  mkdirSync(join(root, 'arm'))
  const other = writeConf(join(root, 'arm'), {
    architecture: 'arm64',
    store_dir: root,
    store_layers: [[paths[0]!]],
  })
  const events: BuildEvent[] = []
  const destinations = [`oci:${join(root, 'index')}:x`]
  const result = await buildIndex({
    confs: [conf, other],
    destinations,
    onEvent: (event) => events.push(event),
  })
  for (const event of events) assertDocumented(event)
  const layers = events.filter((event) => event.type === 'layer-planned')
  assert.deepEqual(layers.map(({ image }) => image).sort(), [1, 1, 1, 1, 2, 2])
  for (const image of result.images)
    for (const layer of image.layers)
      assert.deepEqual(
        layer.destinations?.map(({ name }) => name),
        destinations,
      )
})

/** Each layer has its paths, digests and sizes, and what became of it everywhere. */
function assertResult({ layers }: BuildResult, names: readonly string[], outcomes: readonly string[]): void {
  for (const { source, diffId, size, destinations = [] } of layers) {
    assert.ok(source.kind !== 'store' || source.paths.length > 0)
    assert.deepEqual(
      destinations.map(({ name }) => name),
      names,
    )
    assert.deepEqual(
      destinations.map(({ outcome }) => outcome),
      outcomes,
    )
    for (const at of destinations) assert.deepEqual([at.digest, at.size], [diffId, size])
  }
}

test('bytes that are uploaded are told while they are, a few times a second', {
  skip: skipWithout('docker-registry', 'curl'),
}, async () => {
  const registry = await startRegistry(join(root, 'registry'))
  const proxy = await startProxy(registry.host)
  // Uploads are read slowly, all of them together for a second and more.
  proxy.faults.push({
    when: ({ method, headers }) => method === 'PUT' && Number(headers['content-length']) > 1_000_000,
    act: (request, response) => {
      request.on('data', () => {
        request.pause()
        setTimeout(() => request.resume(), 20)
      })
      request.on('end', () => response.writeHead(201).end())
    },
  })
  // What it was not given, the registry would not have in a manifest.
  proxy.faults.push({
    when: ({ method, url }) => method === 'PUT' && url!.includes('/manifests/'),
    act: (_, response) => void response.writeHead(201).end(),
  })
  const events: { at: number; event: BuildEvent }[] = []
  const start = performance.now()
  const result = await buildImage({
    ...{ conf, destinations: [`docker://${proxy.host}/app:1`], compression: { kind: 'none' } as const },
    onEvent: (event) => events.push({ at: performance.now() - start, event }),
  })
  for (const { event } of events) assertDocumented(event)
  const sending = events.flatMap(({ event }) =>
    event.type === 'progress' ? event.layers.filter(({ step }) => step === 'sending') : [],
  )
  assert.ok(sending.length > 1)
  for (const { done, total, destination } of sending) {
    assert.ok(done > 0 && done <= total)
    assert.equal(destination, `docker://${proxy.host}/app:1`)
  }
  const seconds = events.at(-1)!.at / 1000
  const told = events.filter(({ event }) => event.type === 'progress').length
  assert.ok(told <= 10 * seconds, `${told} in ${seconds} s`)
  assert.equal(result.layers.length, 4)
})

test('the page’s command lines', { skip: skipWithout('bash', 'jq') }, () => {
  const bin = join(root, 'bin')
  mkdirSync(bin)
  const program = `#!/bin/sh\nexec '${process.execPath}' '${CLI}' "$@"\n`
  writeFileSync(join(bin, 'stream-layered-image'), program, { mode: 0o755 })
  const lines = codeBlocks(DOCUMENT).flatMap((block) => (block.language === 'sh' ? block.lines : []))
  assert.equal(lines.length, 4)
  const shown = lines.map((line) =>
    command('bash', ['-eo', 'pipefail', '-c', `cd '${root}'; ${line}`], {
      env: { ...process.env, PATH: `${bin}:${process.env.PATH}` },
    }),
  )
  assert.match(shown[0]!, new RegExp(`^\\d+ sha256:\\w+ ${paths[0]}\n`))
  assert.match(shown[1]!, /^(oci:layout skipped sha256:\w+\n?){4}$/)
  assert.deepEqual(
    (JSON.parse(shown[3]!) as { sent: object }).sent,
    (JSON.parse(shown[2]!) as DryRunResult).total.sent,
  )
  assert.ok(!existsSync(join(root, 'another')))
})

test('the command’s JSON is the same result', async () => {
  const run = await runAsync([conf, '-o', join(root, 'again.tar'), '--json'])
  assertResult(JSON.parse(run.stdout) as BuildResult, [join(root, 'again.tar')], ['written'])
})
