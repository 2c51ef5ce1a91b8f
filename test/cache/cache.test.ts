/** The digest cache: hits that are true, and nothing worse than a miss when it is damaged. */
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { SUBDIRECTORY } from '../../src/cache/cache-directory.js'
import { decodeEntry, encodeEntry } from '../../src/cache/entry.js'
import { defaultPlace } from '../../src/cache/place.js'
import { type BuildEvent, buildImage } from '../../src/index.js'
import { fromHex } from '../../src/model/digest.js'
import { command, skipWithout } from '../support/clients.js'
import { CLI, runCli, sha256File, writeConf } from '../support/image.js'
import { buildClosure, type Closure, closureConf } from '../support/nix-closure.js'
import { startRedis } from '../support/redis.js'
import { freePort, startRegistry } from '../support/registry.js'
import { resultOf, runAsync } from '../support/run-async.js'
import { scratchDirectory } from '../support/scratch.js'
import { settled } from '../support/settled.js'

const root = scratchDirectory()
const noRedis = skipWithout('redis-server', 'redis-cli')
const store = join(root, 'store')
mkdirSync(store)
const paths = Array.from({ length: 4 }, (_, i) => join(store, `p${i}`))
for (const [i, path] of paths.entries()) writeFileSync(path, `content ${i}`)
const conf = writeConf(root, { store_layers: paths.map((path) => [path]) })
const expected = sha256File(runCli(conf).output)
await settled(...paths)

/** Runs with the cache; which entries it wrote and whether the image is right. */
function run(
  cache: string,
  file = conf,
  env: NodeJS.ProcessEnv = process.env,
): { status: number | null; stderr: string; sha256: string } {
  const { status, stderr, output } = runCli(file, ['--cache', cache], { env })
  return { status, stderr, sha256: sha256File(output) }
}

/** The names of all entries. */
function entries(cache: string): string[] {
  return readdirSync(join(cache, SUBDIRECTORY)).filter((name) => name !== 'CACHEDIR.TAG')
}

test('the same image from a cold and a warm cache, and from none that can be used', () => {
  const cache = join(root, 'cache')
  for (const counts of [`0 remembered, ${paths.length} new`, `${paths.length} remembered, 0 new`]) {
    const stderr = runCli(conf).stderr.replace('Done.', `cache: ${counts}\nDone.`)
    assert.deepEqual(run(cache), { status: 0, stderr, sha256: expected })
  }
  assert.equal(entries(cache).length, paths.length)
  writeFileSync(join(root, 'no-directory'), '')
  const { status, stderr, sha256 } = run(join(root, 'no-directory'))
  assert.deepEqual([status, sha256], [0, expected])
  assert.equal(stderr.match(/warning: the cache cannot be used: .*no-directory.*\(ENOTDIR\)\n/g)?.length, 1)
  assert.ok(stderr.startsWith('stream-layered-image: warning: '), 'the build began before it was told')
})

test('a cache among store paths would be part of the image', () => {
  const among = join(root, 'among')
  mkdirSync(join(among, 'path'), { recursive: true })
  const { status, stderr } = runCli(writeConf(among, { store_layers: [[join(among, 'path')]] }), [
    '--cache',
    join(among, 'path', 'cache'),
  ])
  assert.equal(status, 2)
  assert.match(stderr, /error: cache .*: expected a place outside of what goes into the image/)
})

test('a file that changes is not taken for what it was', async () => {
  const directory = join(root, 'changing')
  mkdirSync(directory)
  const path = join(directory, 'p')
  const changing = writeConf(directory, { store_dir: directory, store_layers: [[path]] })
  const cache = join(directory, 'cache')
  const old = new Date('2020-01-01T00:00:00Z')
  const seen = new Set<string>()
  for (const content of ['one', 'two', 'six']) {
    writeFileSync(path, content)
    utimesSync(path, old, old)
    for (let i = 0; i < 2; i++) {
      const { sha256, status } = run(cache, changing)
      assert.deepEqual([status, sha256], [0, sha256File(runCli(changing).output)])
      seen.add(sha256)
    }
    await settled(path)
    run(cache, changing)
  }
  assert.equal(seen.size, 3)
})

test('owner and time belong to the key', () => {
  const cache = join(root, 'owners')
  const seen = new Set<string>()
  for (const owner of [{ uid: '0' }, { uid: '1' }, { uname: 'other' }, { mtime: '2000-01-01T00:00:00Z' }]) {
    const directory = join(root, `owner-${seen.size}`)
    mkdirSync(directory)
    const own = writeConf(directory, {
      ...owner,
      store_dir: store,
      store_layers: paths.map((path) => [path]),
    })
    const { sha256 } = run(cache, own)
    assert.equal(sha256, sha256File(runCli(own).output))
    seen.add(sha256)
  }
  assert.equal(seen.size, 4)
})

test('damage anywhere is a miss', () => {
  const cache = join(root, 'damaged')
  run(cache)
  for (const damage of [
    (bytes: Buffer) => bytes.subarray(0, bytes.length / 2),
    (bytes: Buffer) => Buffer.from(bytes.map((byte, i) => (i === bytes.length >> 1 ? byte ^ 1 : byte))),
    () => Buffer.alloc(0),
    () => Buffer.from('{"diffId":"../..","size":-1}'),
  ]) {
    for (const name of entries(cache)) {
      const path = join(cache, SUBDIRECTORY, name)
      writeFileSync(path, damage(readFileSync(path)))
    }
    const { status, sha256 } = run(cache)
    assert.deepEqual([status, sha256], [0, expected])
  }
})

test('an entry that is not true fails loudly and is dropped; then the image is right', () => {
  const cache = join(root, 'untrue')
  run(cache)
  const name = entries(cache)[0]!
  const path = join(cache, SUBDIRECTORY, name)
  const zeros = fromHex('0'.repeat(64))
  for (const change of [
    { diffId: zeros, digest: zeros },
    { size: 20480, blobSize: 20480 },
  ]) {
    const truth = decodeEntry(name, readFileSync(path, 'utf8'))!
    writeFileSync(path, encodeEntry(name, { ...truth, ...change }))
    const { status, stderr } = run(cache)
    assert.equal(status, 1)
    assert.match(stderr, /layer of \[.*\]: expected .* as the cache remembers it, found .*\[CACHE_STALE\]/)
    assert.deepEqual([run(cache).status, run(cache).sha256], [0, expected])
  }
})

test('many at once, and one that is killed', async () => {
  const cache = join(root, 'concurrent')
  const runs = Array.from({ length: 6 }, () => runAsync([conf, '--cache', cache, '-o', '/dev/null']))
  const killed = spawn(process.execPath, [CLI, conf, '--cache', cache], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  // It is in the middle of the image.
  await once(killed.stderr, 'data')
  killed.kill('SIGKILL')
  for (const done of await Promise.all(runs)) assert.equal(done.status, 0, done.stderr)
  assert.equal(run(cache).sha256, expected)
})

test('stats, prune, clear, and where it is by default', async () => {
  const home = join(root, 'home')
  const env = { ...process.env, XDG_CACHE_HOME: home }
  const place = join(home, 'stream-layered-image')
  assert.equal(defaultPlace(env), place)
  assert.equal(defaultPlace({ HOME: '/h', XDG_CACHE_HOME: 'c' }), '/h/.cache/stream-layered-image')
  assert.throws(() => defaultPlace({ HOME: '' }), { code: 'CACHE_FAILED', message: /there is none$/ })
  assert.equal(run('default', conf, env).status, 0)
  assert.ok(existsSync(place))
  const cache = (...args: string[]) =>
    spawnSync(process.execPath, [CLI, 'cache', ...args], { encoding: 'utf8', env })
  const stats = JSON.parse(cache('stats').stdout) as { entries: number; place: string }
  assert.deepEqual([stats.entries, stats.place], [paths.length, place])
  assert.match(cache('prune').stderr, /^0 entries removed/)
  assert.match(cache('prune', '--days', '0').stderr, new RegExp(`^${paths.length} entries removed`))
  assert.equal(run(place).sha256, expected)
  assert.match(cache('clear', place).stderr, new RegExp(`^${paths.length} entries removed`))
  assert.equal((JSON.parse(cache('stats', place).stdout) as { entries: number }).entries, 0)
  assert.equal(cache('burn').status, 2)
  assert.match(
    runCli(conf, ['--cache', 'ftp://x']).stderr,
    /expected a directory or redis:.*\[CACHE_FAILED\]/,
  )
})

test('Redis, one that refuses, and one that is not there', { skip: noRedis }, async () => {
  const { url, call } = await startRedis(root, 'geheim')
  const place = url.replace('//', '//:geheim@')
  const quiet = runCli(conf).stderr
  const telling = (remembered: number, added: number): string =>
    quiet.replace('Done.', `cache: ${remembered} remembered, ${added} new\nDone.`)
  for (const stderr of [telling(0, paths.length), telling(paths.length, 0)])
    assert.deepEqual(run(place), { status: 0, stderr, sha256: expected })
  assert.equal(Number(call('dbsize')), paths.length)
  const cache = (...args: string[]) =>
    spawnSync(process.execPath, [CLI, 'cache', ...args, place], { encoding: 'utf8' })
  const stats = JSON.parse(cache('stats').stdout) as { entries: number; place: string }
  assert.deepEqual([stats.entries, stats.place], [paths.length, url])
  assert.equal(cache('prune', '--days', '1').stderr, `0 entries removed from ${url}\n`)
  for (const key of call('--raw', 'keys', '*').split('\n')) call('set', key, '{"value":"damaged"}')
  assert.deepEqual(run(place), { status: 0, stderr: telling(0, paths.length), sha256: expected })
  assert.equal(cache('clear').stderr, `${paths.length} entries removed from ${url}\n`)
  assert.equal(call('dbsize'), '0')
  for (const [given, reason] of [
    [url, 'NOAUTH'],
    [url.replace('//', '//:geheim2@'), 'WRONGPASS'],
    [`redis://:geheim@127.0.0.1:${await freePort()}`, 'connection refused'],
  ] as const) {
    const { status, stderr, sha256 } = run(given)
    assert.deepEqual([status, sha256], [0, expected])
    const [first, ...rest] = stderr.split('\n')
    assert.match(first!, new RegExp(`warning: the cache cannot be used: redis://127[^@]*: .*${reason}`))
    assert.equal(rest.join('\n'), quiet)
    const looked = spawnSync(process.execPath, [CLI, 'cache', 'stats', given, '--debug'], {
      encoding: 'utf8',
    })
    assert.ok(!stderr.includes('geheim') && !looked.stderr.includes('geheim'), stderr + looked.stderr)
  }
})

test('a server that goes away in the middle of a build', { skip: noRedis }, async () => {
  const redis = await startRedis(root)
  const sockets: Socket[] = []
  const proxy = createServer((socket) => {
    const behind = connect(redis.port, '127.0.0.1')
    sockets.push(socket, behind)
    for (const one of [socket, behind]) one.on('error', () => {})
    behind.pipe(socket)
    socket.on('data', (bytes) => {
      if (!bytes.includes('SET\r\n')) behind.write(bytes)
      else for (const one of sockets) one.destroy()
    })
  }).listen(0, '127.0.0.1')
  await once(proxy, 'listening')
  const { port } = proxy.address() as AddressInfo
  const output = join(root, 'gone.tar')
  const shell = `exec "$@" > ${output}`
  const child = spawn(
    'sh',
    ['-c', shell, 'sh', process.execPath, CLI, conf, '--cache', `redis://127.0.0.1:${port}`],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  )
  const lines: Buffer[] = []
  child.stderr.on('data', (bytes: Buffer) => lines.push(bytes))
  const [status] = (await once(child, 'close')) as [number]
  proxy.close()
  const stderr = Buffer.concat(lines).toString()
  assert.deepEqual([status, sha256File(output)], [0, expected], stderr)
  assert.equal(stderr.match(/warning: the cache /g)?.length, 1, stderr)
  assert.ok(sockets.length > 0 && redis.call('dbsize') === '0')
})

test('a server that takes a connection and says nothing', async () => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const { status, stderr } = await runAsync([conf, '-o', '/dev/null', '--cache', `redis://127.0.0.1:${port}`])
  server.close()
  assert.equal(status, 0, stderr)
  assert.match(stderr, /warning: the cache cannot be used: redis:\/\/127\.0\.0\.1:\d+: no answer in time\n/)
})

describe('real store paths', { skip: skipWithout('nix-store', 'busybox', 'docker-registry', 'curl') }, () => {
  const directory = join(root, 'nix')
  let closure: Closure
  const checksummed = async (options: {
    destinations?: string[]
    cache?: string
    conf: string
  }): Promise<number> => {
    let read = 0
    const onEvent = (event: BuildEvent): void => {
      if (event.type === 'layer-delivered' && event.outcomes.includes('uploaded')) read++
    }
    await buildImage({ ...options, onEvent })
    return read
  }

  test('are known by their NAR hashes, wherever they lie and whenever they came', async () => {
    mkdirSync(directory)
    closure = buildClosure(directory)
    const real = closureConf(join(directory, 'conf'), closure, null, 'cached')
    const cache = join(directory, 'cache')
    assert.equal(run(cache, real).sha256, sha256File(runCli(real).output))
    assert.equal(run(cache, real).sha256, sha256File(runCli(real).output))
    const keys = entries(cache)
    assert.ok(
      keys.length >= closure.paths.length && keys.every((key) => /^nar-[0-9a-f]{64}-none$/.test(key)),
      keys.join(' '),
    )
    // Without the database's word, the files themselves are looked at.
    const env = { ...process.env, PATH: '/nowhere' }
    assert.equal(run(cache, real, env).status, 0)
    assert.ok(entries(cache).some((key) => key.startsWith('plan-')))
  })

  test('that a registry has are neither read nor sent by a machine that knows nothing', async () => {
    const registry = await startRegistry(join(directory, 'registry'))
    const name = `docker://${registry.host}/app:v1`
    const one = closureConf(join(directory, 'one'), closure, null, 'one')
    assert.equal(await checksummed({ conf: one, destinations: [name] }), closure.paths.length + 1)
    const first = await (await import('node:fs/promises')).readFile(one, 'utf8')
    assert.equal(await checksummed({ conf: one, destinations: [name] }), 0)
    // One path more: one layer, and only that.
    const more = join(directory, 'more')
    writeFileSync(more, 'more')
    const added = command('nix-store', ['--add', more])
    const document = JSON.parse(first) as { store_layers: string[][] }
    const two = join(directory, 'two.json')
    writeFileSync(two, JSON.stringify({ ...document, store_layers: [...document.store_layers, [added]] }))
    const run = resultOf(await runAsync([two, '-o', `docker://${registry.host}/app:v2`, '--previous', 'v1']))
    const { uploaded, skipped } = run.destinations![0]!
    assert.deepEqual([uploaded?.layers, skipped?.layers], [1, closure.paths.length + 1])
    // Of another repository, layers are mounted.
    const other = `docker://${registry.host}/other:v1`
    const mounted = resultOf(
      await runAsync([two, '-o', other, '--previous', `docker://${registry.host}/app:v2`]),
    )
    assert.deepEqual(mounted.destinations![0]!.mounted?.layers, closure.paths.length + 2)
    const wrong = await runAsync([two, '-o', other, '--previous', 'docker://elsewhere.example/app:v2'])
    assert.equal(wrong.status, 2)
    assert.match(wrong.stderr, /previous image "docker:.*": expected a tag.* \[DESTINATION_INVALID\]/)
    command('skopeo', [
      'copy',
      '-q',
      '--src-tls-verify=false',
      `docker://${registry.host}/app:v2`,
      `dir:${join(directory, 'dir')}`,
    ])
  })
})
