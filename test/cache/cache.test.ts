/** The digest cache: hits that are true, and nothing worse than a miss when it is damaged. */
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { dirname, join } from 'node:path'
import { describe, test } from 'node:test'
import { DirectoryStore } from '../../src/cache/directory-store.js'
import { defaultPlace } from '../../src/cache/store.js'
import { type BuildEvent, buildImage } from '../../src/index.js'
import { command, skipWithout, start, until } from '../support/clients.js'
import { CLI, runCli, sha256File, writeConf } from '../support/image.js'
import { buildClosure, type Closure, closureConf } from '../support/nix-closure.js'
import { freePort, startRegistry } from '../support/registry.js'
import { resultOf, runAsync } from '../support/run-async.js'
import { scratchDirectory } from '../support/scratch.js'

const root = scratchDirectory()
const store = join(root, 'store')
mkdirSync(store)
const paths = Array.from({ length: 4 }, (_, i) => join(store, `p${i}`))
for (const [i, path] of paths.entries()) writeFileSync(path, `content ${i}`)
const conf = writeConf(root, { store_layers: paths.map((path) => [path]) })
const expected = sha256File(runCli(conf).output)
// Files that changed in the last two seconds are not remembered.
await new Promise((resolve) => setTimeout(resolve, 2100))

/** Runs with the cache; which entries it wrote and whether the image is right. */
function run(
  cache: string,
  file = conf,
  env: NodeJS.ProcessEnv = process.env,
): { status: number | null; stderr: string; sha256: string } {
  const { status, stderr, output } = runCli(file, ['--cache', cache], { env })
  return { status, stderr, sha256: sha256File(output) }
}

function files(directory: string): string[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .map((name) => join(directory, name))
    .filter((path) => statSync(path).isFile())
}

test('the same image from a cold and a warm cache, and from none that can be used', async () => {
  const cache = join(root, 'cache')
  for (let i = 0; i < 2; i++)
    assert.deepEqual(run(cache), { status: 0, stderr: runCli(conf).stderr, sha256: expected })
  assert.equal((await new DirectoryStore(cache).stats()).entries, paths.length)
  writeFileSync(join(root, 'no-directory'), '')
  const { status, stderr, sha256 } = run(join(root, 'no-directory'))
  assert.deepEqual([status, sha256], [0, expected])
  assert.equal(stderr.match(/warning: the cache cannot be used/g)?.length, 1)
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
    await new Promise((resolve) => setTimeout(resolve, 2100))
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
    for (const path of files(cache)) {
      chmodSync(path, 0o600)
      writeFileSync(path, damage(readFileSync(path)))
    }
    const { status, sha256 } = run(cache)
    assert.deepEqual([status, sha256], [0, expected])
  }
})

test('an entry that is not true fails loudly and is dropped; then the image is right', async () => {
  const cache = join(root, 'untrue')
  run(cache)
  const keys = Object.keys(await (await import('cacache')).default.ls(cache))
  const entries = new DirectoryStore(cache)
  for (const change of [{ diffId: '0'.repeat(64) }, { size: 20480 }]) {
    const key = keys[0]!
    const truth = JSON.parse((await entries.get(key))!) as object
    await entries.set(key, JSON.stringify({ ...truth, ...change }))
    const { status, stderr } = run(cache)
    assert.equal(status, 1)
    assert.match(stderr, /layer of \[.*\]: expected .* as the cache remembers it, found .*\[CACHE_STALE\]/)
    assert.deepEqual([run(cache).status, run(cache).sha256], [0, expected])
  }
})

test('many at once, and one that is killed', async () => {
  const cache = join(root, 'concurrent')
  const runs = Array.from({ length: 6 }, () => runAsync([conf, '--cache', cache, '-o', '/dev/null']))
  const killed = spawn(process.execPath, [CLI, conf, '--cache', cache], { stdio: 'ignore' })
  setTimeout(() => killed.kill('SIGKILL'), 250)
  for (const done of await Promise.all(runs)) assert.equal(done.status, 0, done.stderr)
  assert.equal(run(cache).sha256, expected)
})

test('stats, prune, clear, and where it is by default', async () => {
  const home = join(root, 'home')
  const env = { ...process.env, XDG_CACHE_HOME: home }
  const place = join(home, 'stream-layered-image')
  assert.equal(defaultPlace(env), place)
  assert.equal(run('default', conf, env).status, 0)
  assert.ok(existsSync(place))
  const cache = (...args: string[]) =>
    spawnSync(process.execPath, [CLI, 'cache', ...args], { encoding: 'utf8', env })
  const stats = JSON.parse(cache('stats').stdout) as { entries: number; directory: string }
  assert.deepEqual([stats.entries, stats.directory], [paths.length, place])
  assert.match(cache('prune').stderr, /^0 entries removed/)
  assert.match(cache('prune', '--days', '0').stderr, new RegExp(`^${paths.length} entries removed`))
  assert.equal(run(place).sha256, expected)
  assert.equal(cache('clear', place).status, 0)
  assert.equal((JSON.parse(cache('stats', place).stdout) as { entries: number }).entries, 0)
  assert.match(cache('burn').stderr, /cache burn: expected stats, prune or clear \[CACHE_FAILED\]/)
  assert.match(
    runCli(conf, ['--cache', 'ftp://x']).stderr,
    /expected a directory or redis:.*\[CACHE_FAILED\]/,
  )
})

test('a build prunes a cache that was not pruned for a week', async () => {
  const cache = join(root, 'upkeep')
  run(cache)
  const marker = join(cache, '_lastverified')
  assert.ok(!existsSync(marker), 'a new cache was pruned')
  // What no entry refers to goes with it.
  const orphan = join(cache, 'content-v2', 'sha512', '00', '00', '0'.repeat(124))
  mkdirSync(dirname(orphan), { recursive: true })
  writeFileSync(orphan, 'orphan')
  writeFileSync(marker, String(Date.now() - 8 * 86_400_000))
  assert.deepEqual([run(cache).status, run(cache).sha256], [0, expected])
  assert.ok(!existsSync(orphan))
  assert.ok(Number(readFileSync(marker, 'utf8')) > Date.now() - 600_000)
  assert.equal((await new DirectoryStore(cache).stats()).entries, paths.length)
})

test('Redis, and one that is not there', { skip: skipWithout('redis-server') }, async () => {
  const port = await freePort()
  const log = join(root, 'redis.log')
  start('redis-server', ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--dir', root], log)
  const cli = (...args: string[]): string =>
    spawnSync('redis-cli', ['-p', String(port), ...args], { encoding: 'utf8' }).stdout.trim()
  await until('redis-server', () => cli('ping') === 'PONG', log)
  const url = `redis://127.0.0.1:${port}`
  for (let i = 0; i < 2; i++) assert.deepEqual([run(url).status, run(url).sha256], [0, expected])
  assert.equal(Number(cli('dbsize')), paths.length)
  for (const key of cli('--raw', 'keys', '*').split('\n')) cli('set', key, '{"value":"damaged"}')
  assert.deepEqual([run(url).status, run(url).sha256], [0, expected])
  const absent = run(`redis://127.0.0.1:${await freePort()}`)
  assert.deepEqual([absent.status, absent.sha256], [0, expected])
  assert.match(absent.stderr, /warning: the cache cannot be used/)
})

test('a server that takes a connection and says nothing', async () => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const { status, stderr } = await runAsync([conf, '-o', '/dev/null', '--cache', `redis://127.0.0.1:${port}`])
  server.close()
  assert.equal(status, 0, stderr)
  assert.match(stderr, /warning: the cache cannot be used: no answer in time\n/)
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
    const keys = Object.keys(await (await import('cacache')).default.ls(cache))
    assert.ok(
      keys.length >= closure.paths.length && keys.every((key) => /^nar-[0-9a-f]{64}-none$/.test(key)),
      keys.join(' '),
    )
    // Without the database's word, the files themselves are looked at.
    const env = { ...process.env, PATH: '/nowhere' }
    assert.equal(run(cache, real, env).status, 0)
    assert.ok(
      Object.keys(await (await import('cacache')).default.ls(cache)).some((key) => key.startsWith('plan-')),
    )
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
    assert.equal(wrong.status, 1)
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
