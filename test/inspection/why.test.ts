import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import type { Closure, StorePath } from '../../src/closure/closure.js'
import { ImageError } from '../../src/errors.js'
import { buildImage, whyInImage } from '../../src/index.js'
import { chainsTo, onlyThrough } from '../../src/inspection/chains.js'
import { command, skipWithout } from '../support/clients.js'
import { CLI } from '../support/image.js'
import { buildClosure, closureConf } from '../support/nix-closure.js'
import { scratchDirectory } from '../support/scratch.js'
import { nixImage, nixRegistration, writeTarImage } from '../support/tar-image.js'

const root = scratchDirectory()

/** `{ app: 'lib ssl' }`: app refers to lib and ssl. */
function closureOf(references: Record<string, string>): Closure {
  const entry = ([path, to]: [string, string]): [string, StorePath] => [
    path,
    { path, narHash: '', size: 1, references: to.split(' ').filter((it) => it !== '') },
  ]
  return new Map(Object.entries(references).map(entry))
}

const small = closureOf({ app: 'ssl libc', ssl: 'zlib libc', zlib: 'libc', libc: '', tool: 'zlib' })

describe('chains', () => {
  test('the shortest come first, from every root', () => {
    assert.deepEqual(chainsTo('libc', small, new Set(['app', 'tool', 'ssl']), 10), [
      ['app', 'libc'],
      ['ssl', 'libc'],
      ['app', 'ssl', 'libc'],
      ['ssl', 'zlib', 'libc'],
      ['tool', 'zlib', 'libc'],
      ['app', 'ssl', 'zlib', 'libc'],
    ])
    assert.deepEqual(chainsTo('app', small, new Set(['app', 'tool']), 10), [['app']])
    assert.equal(chainsTo('libc', small, new Set(['app', 'tool']), 2).length, 2)
  })

  test('of more than can be counted, those that are wanted are found at once', () => {
    // Each step has two ways: 2^200 chains.
    const steps: Record<string, string> = { end: '' }
    for (let i = 199; i >= 0; i--) {
      const next = i === 199 ? 'end' : `s${i + 1}`
      Object.assign(steps, { [`s${i}`]: `a${i} b${i}`, [`a${i}`]: next, [`b${i}`]: next })
    }
    const chains = chainsTo('end', closureOf(steps), new Set(['s0']), 10)
    assert.deepEqual([chains.length, new Set(chains.map(String)).size], [10, 10])
    for (const chain of chains) assert.deepEqual([chain.length, chain[0], chain.at(-1)], [401, 's0', 'end'])
  })

  test('what is there for one path alone', () => {
    const roots = new Set(['app', 'tool'])
    assert.deepEqual(onlyThrough('ssl', small, roots), ['ssl'])
    assert.deepEqual(onlyThrough('app', small, roots), ['app', 'ssl'])
    assert.deepEqual(onlyThrough('app', small, new Set(['app'])), ['app', 'ssl', 'libc', 'zlib'])
  })

  test('references in a circle are an error that names them', () => {
    const circle = closureOf({ a: 'b', b: 'c', c: 'b' })
    assert.throws(() => chainsTo('c', circle, new Set(['a']), 10), /refer to each other: b → c → b/)
  })
})

describe('an image from elsewhere, with a registration', () => {
  const archive = join(root, 'app.tar')
  const registration = join(root, 'registration')
  writeTarImage(archive, nixImage(['app:1.0']))
  writeFileSync(registration, nixRegistration())
  const path = (digit: string, name: string): string => `/nix/store/${digit.repeat(32)}-${name}`
  const [app, openssl, zlib] = [path('a', 'app-1.0'), path('s', 'openssl-3.4'), path('z', 'zlib-1.3')]

  test('the link in its root, the chain, and what goes with the path', async () => {
    for (const asked of ['zlib', 'zlib-1.3', zlib, `${zlib}/lib/file`])
      assert.deepEqual(await whyInImage({ image: archive, path: asked, registration }), {
        image: archive,
        path: zlib,
        bytes: 9000,
        layers: [2],
        chains: [{ reasons: ['/bin/app'], paths: [app, openssl, zlib] }],
        only: [{ path: zlib, bytes: 9000 }],
        onlyBytes: 9000,
      })
    const { only, onlyBytes } = await whyInImage({ image: archive, path: 'openssl', registration })
    assert.deepEqual([only.map(({ path }) => path), onlyBytes], [[openssl, zlib], 79_000])
  })

  test('what is not in it, what is meant by several, and unknown references: exit status 1 and one line', () => {
    const cli = (...args: string[]) =>
      spawnSync(process.execPath, [CLI, 'why', archive, ...args], { encoding: 'utf8' })
    for (const [args, pattern] of [
      [
        ['perl', '--registration', registration],
        /with "perl" in its name, found none among 4 \[STORE_PATH_INVALID\]\n.*inspect/,
      ],
      [
        [path('p', 'perl'), '--registration', registration],
        /expected \/nix\/store\/p+-perl, found nothing of it/,
      ],
      [
        ['l', '--registration', registration],
        /expected one store path with "l" in its name, found .*glibc.* .*openssl/,
      ],
      [['zlib', '--registration', join(root, 'none')], /cannot read the registration .*none: no such file/],
      [['zlib'], /hint: of an image from elsewhere --registration FILE has the references/],
    ] as const) {
      const { status, stdout, stderr } = cli(...args)
      assert.deepEqual([status, stdout], [1, ''], stderr)
      assert.match(stderr, pattern)
      assert.match(stderr, /^stream-layered-image: error: [^\n]+\n(stream-layered-image: hint: [^\n]+\n)?$/)
    }
  })
})

describe('a real closure', { skip: skipWithout('nix-store', 'busybox') }, () => {
  const closure = buildClosure(root)
  const conf = closureConf(join(root, 'app'), closure, null, 'app')
  const find = (name: string): string => closure.paths.find((path) => path.endsWith(`-${name}`))!
  const [app, ssl, zlib, libc] = ['app', 'ssl', 'zlib', 'libc'].map(find) as [string, string, string, string]
  const sizeOf = (path: string): number =>
    Number(command('sh', ['-c', `find ${path} -type f -printf '%s\\n' | paste -sd+ | bc`]))

  test('of a configuration and of its image: what the store says of it', {
    skip: skipWithout('bc'),
  }, async () => {
    const archive = join(root, 'app.tar')
    await buildImage({ conf, destinations: [archive] })
    for (const image of [conf, archive]) {
      const { chains, bytes, only } = await whyInImage({ image, path: 'libc' })
      // Nothing refers to app: the store's own programs would find the same two ways.
      assert.deepEqual(chains, [
        { reasons: [], paths: [app, ssl, libc] },
        { reasons: [], paths: [app, ssl, zlib, libc] },
      ])
      assert.deepEqual([bytes, only], [sizeOf(libc), [{ path: libc, bytes: sizeOf(libc) }]])
      const busybox = await whyInImage({ image, path: closure.busybox })
      assert.deepEqual(busybox.chains[0], {
        reasons: ['/bin/sh', '/bin/cat', '/bin/ls', '/bin/echo'].toSorted(),
        paths: [closure.busybox],
      })
      assert.deepEqual(busybox.chains[1], { reasons: [], paths: [app, closure.busybox] })
      const all = await whyInImage({ image, path: 'app' })
      assert.deepEqual(
        new Set(all.only.map(({ path }) => path)),
        new Set(closure.paths.filter((path) => path !== closure.busybox)),
      )
    }
  })

  test('the database as a file says the same', async () => {
    const registration = join(root, 'dump')
    writeFileSync(registration, `${command('nix-store', ['--dump-db', ...closure.paths])}\n`)
    const asked = { image: conf, path: 'zlib' }
    assert.deepEqual(await whyInImage({ ...asked, registration }), await whyInImage(asked))
  })

  test('what the configuration names is named with the key', async () => {
    const image = closureConf(join(root, 'named'), closure, null, 'named')
    const document = JSON.parse(command('cat', [image])) as { config: object }
    const config = { Cmd: [`${app}/bin/app`], Env: [`PATH=${zlib}/bin:/bin`], Labels: { lib: ssl } }
    writeFileSync(image, JSON.stringify({ ...document, config }))
    const { chains } = await whyInImage({ image, path: 'zlib' })
    assert.deepEqual(chains, [
      { reasons: ['Env PATH'], paths: [zlib] },
      { reasons: ['Labels lib'], paths: [ssl, zlib] },
      { reasons: ['Cmd'], paths: [app, ssl, zlib] },
    ])
  })
})

test('a failure is an ImageError also for the library', async () => {
  await assert.rejects(
    whyInImage({ image: join(root, 'nothing.tar'), path: 'a' }),
    (error: unknown) => error instanceof ImageError,
  )
})
