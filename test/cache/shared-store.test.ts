/** A cache on a Redis server that others use too. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { createServer as createTlsServer } from 'node:tls'
import { DigestCache } from '../../src/cache/digest-cache.js'
import { encodeEntry } from '../../src/cache/entry.js'
import { type CachePlace, parseCachePlace } from '../../src/cache/place.js'
import { SharedStore } from '../../src/cache/shared-store.js'
import { fromHex } from '../../src/model/digest.js'
import type { Blob } from '../../src/model/layer.js'
import { skipWithout } from '../support/clients.js'
import { writeConf } from '../support/image.js'
import { startRedis } from '../support/redis.js'
import { freePort, makeCertificate } from '../support/registry.js'
import { runAsync } from '../support/run-async.js'
import { scratchDirectory } from '../support/scratch.js'

const root = scratchDirectory()
const PASSWORD = 'p@ss/w:rd'
const SECRET = encodeURIComponent(PASSWORD)
const blob: Blob = {
  diffId: fromHex('a'.repeat(64)),
  size: 10240,
  digest: fromHex('a'.repeat(64)),
  blobSize: 10240,
}

function nameOf(i: number): string {
  return `nar-${String(i).padStart(64, '0')}-none`
}

function keyOf(i: number): string {
  return `stream-layered-image:${nameOf(i)}`
}

function urlOf(text: string): URL {
  const place: CachePlace = parseCachePlace(text)
  assert.equal(place.kind, 'server')
  return place.kind === 'server' ? place.url : assert.fail()
}

interface Opened {
  cache: DigestCache | undefined
  warnings: string[]
}

async function open(url: string, signal?: AbortSignal): Promise<Opened> {
  const warnings: string[] = []
  return { cache: await DigestCache.open(url, (text) => warnings.push(text), signal), warnings }
}

/** Listens on a port of its own and hands over each connection. */
async function listen(take: (socket: Socket) => void): Promise<{ server: Server; port: number }> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket.on('error', () => {}))
    take(socket)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  after(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  return { server, port: (server.address() as AddressInfo).port }
}

const skip = skipWithout('redis-server', 'redis-cli')
const servers = skip ? undefined : await Promise.all([startRedis(root), startRedis(root, PASSWORD)])

describe('a real server', { skip }, () => {
  const [redis, closed] = servers ?? ([] as never)

  test('over TLS, with a certificate that is trusted; with another one there is no cache', {
    skip: skipWithout('openssl'),
  }, async () => {
    makeCertificate(root, ['localhost'])
    const [key, cert] = ['key.pem', 'ca.pem'].map((name) => readFileSync(join(root, name)))
    const front = createTlsServer({ key, cert }, (socket) => {
      const back = connect(closed.port)
      socket
        .on('error', () => back.destroy())
        .pipe(back)
        .on('error', () => socket.destroy())
        .pipe(socket)
    }).listen(0, '127.0.0.1')
    front.on('tlsClientError', () => {})
    await once(front, 'listening')
    after(() => front.close())
    const url = `rediss://:${SECRET}@localhost:${(front.address() as AddressInfo).port}`
    const conf = writeConf(root, { store_dir: '/', store_layers: [[process.execPath]] })
    const build = async (env: NodeJS.ProcessEnv): Promise<string> => {
      const { status, stderr } = await runAsync([conf, '-o', '/dev/null', '--cache', url], env)
      assert.equal(status, 0, stderr)
      assert.ok(!stderr.includes(PASSWORD) && !stderr.includes(SECRET))
      return stderr
    }
    const trusting = { NODE_EXTRA_CA_CERTS: join(root, 'ca.pem') }
    assert.match(await build(trusting), /^cache: 0 remembered, 1 new$/m)
    assert.match(await build(trusting), /^cache: 1 remembered, 0 new$/m)
    assert.match(await build({}), /warning: the cache cannot be used: rediss:\/\/localhost.*CERT/)
  })

  test('entries are found again, and live for 90 days', async () => {
    const { cache, warnings } = await open(redis.url)
    assert.equal(await cache!.find(nameOf(1)), undefined)
    await cache!.remember(nameOf(1), blob)
    assert.deepEqual(await cache!.find(nameOf(1)), blob)
    const days = Number(redis.call('ttl', keyOf(1))) / 86_400
    assert.ok(days > 89 && days <= 90, String(days))
    await cache!.drop(nameOf(1))
    assert.equal(await cache!.find(nameOf(1)), undefined)
    await cache!.close()
    assert.deepEqual(warnings, [])
  })

  test('two users: the same and other names at once, wrong types, damage, entries moved, FLUSHALL', async () => {
    const [one, two] = [await open(redis.url), await open(redis.url)]
    const names = Array.from({ length: 200 }, (_, i) => nameOf(i))
    await Promise.all(
      names.flatMap((name, i) => {
        const first = one.cache!.remember(name, blob)
        return i % 2 === 0 ? [first] : [first, two.cache!.remember(name, blob)]
      }),
    )
    for (const name of names) assert.deepEqual(await two.cache!.find(name), blob)
    const good = redis.call('--raw', 'get', keyOf(0))
    const spoil: [string, ...string[]][] = [
      ['rpush', keyOf(1), 'list'],
      ['hset', keyOf(1), 'a', 'b'],
      ['set', keyOf(1), good],
      ['set', keyOf(1), `${good}\n${good}\n`],
      ['set', keyOf(1), '\x1b[31m{"diffId":1}'],
      ['setrange', keyOf(1), '500000000', 'x'],
    ]
    const written = (): number => Number(/total_net_output_bytes:(\d+)/.exec(redis.call('info', 'stats'))![1])
    for (const command of spoil) {
      redis.call('del', keyOf(1))
      redis.call(...command)
      const before = written()
      assert.equal(await one.cache!.find(nameOf(1)), undefined, command.slice(0, 2).join(' '))
      assert.ok(written() - before < 100_000, 'a value was read whole')
      await two.cache!.remember(nameOf(1), blob)
      assert.deepEqual(await one.cache!.find(nameOf(1)), blob)
    }
    redis.call('flushall')
    assert.equal(await one.cache!.find(nameOf(2)), undefined)
    await two.cache!.remember(nameOf(2), blob)
    assert.deepEqual(await one.cache!.find(nameOf(2)), blob)
    await Promise.all([one.cache!.close(), two.cache!.close()])
    assert.deepEqual([...one.warnings, ...two.warnings], [])
  })

  test('stats, prune and clear see entries of ours alone', async () => {
    redis.call('flushall')
    const others = [
      'other',
      'stream-layered-image',
      'stream-layered-image:',
      'stream-layered-image:other',
      `x${keyOf(1)}`,
      `${keyOf(1)}x`,
    ]
    for (const key of others) redis.call('set', key, 'precious', 'ex', '1000')
    redis.call('rpush', keyOf(9), 'precious')
    redis.call('expire', keyOf(9), '1000')
    const store = await SharedStore.open(urlOf(redis.url))
    const none = { entries: 0, bytes: 0, oldest: undefined, latest: undefined }
    assert.deepEqual(await store.stats(), none)
    const text = encodeEntry(nameOf(1), blob)
    for (const i of [1, 2, 3]) await store.set(nameOf(i), text)
    redis.call('expire', keyOf(1), String(10 * 86_400))
    const { entries, bytes, oldest, latest } = await store.stats()
    assert.deepEqual([entries, bytes], [3, 3 * text.length])
    const age = (date: Date | undefined): number => Math.round((Date.now() - date!.getTime()) / 86_400_000)
    assert.deepEqual([age(oldest), age(latest)], [80, 0])
    assert.equal(await store.prune(81), 0)
    assert.equal(await store.prune(79), 1)
    assert.equal(await store.get(nameOf(1)), undefined)
    for (let i = 10; i < 3000; i++) void store.set(nameOf(i), text)
    await store.set(nameOf(1), text)
    assert.equal((await store.stats()).entries, 2993)
    assert.equal(await store.clear(), 2993)
    assert.deepEqual(await store.stats(), none)
    await store.close()
    assert.equal(Number(redis.call('dbsize')), others.length + 1)
    for (const key of others) assert.equal(redis.call('get', key), 'precious')
  })

  test('passwords, users and databases are taken from the URL, and no message has them', async () => {
    const { port } = closed
    const host = `127.0.0.1:${port}`
    const good = await open(`redis://:${SECRET}@${host}/3`)
    await good.cache!.remember(nameOf(1), blob)
    assert.deepEqual(await good.cache!.find(nameOf(1)), blob)
    await good.cache!.close()
    assert.deepEqual(good.warnings, [])
    assert.equal(closed.call('-n', '3', 'dbsize'), '1')
    closed.call('acl', 'setuser', 'reader', 'on', `>${PASSWORD}`, '~*', '+@read', '+@connection')
    for (const [login, place] of [
      ['', ''],
      [`:${SECRET}x@`, ''],
      [`nobody:${SECRET}@`, ''],
      [`:${SECRET}@`, '/99'],
    ] as const) {
      const { cache, warnings } = await open(`redis://${login}${host}${place}`)
      assert.equal(cache, undefined)
      assert.equal(warnings.length, 1)
      const start = `the cache cannot be used: redis://${host}${place}: `
      assert.ok(warnings[0]!.startsWith(start) && !warnings[0]!.includes('\n'), warnings[0])
      assert.ok(!warnings[0]!.includes(PASSWORD) && !warnings[0]!.includes(SECRET), warnings[0])
    }
    const reader = await open(`redis://reader:${SECRET}@${host}/3`)
    for (let i = 0; i < 2; i++) {
      assert.deepEqual(await reader.cache!.find(nameOf(1)), blob)
      await reader.cache!.remember(nameOf(2), blob)
    }
    await reader.cache!.close()
    assert.equal(reader.warnings.length, 1)
    assert.match(reader.warnings[0]!, /^the cache cannot be written to, only read: redis:.*NOPERM/)
  })

  test('a server that is full can still be read', async () => {
    redis.call('flushall')
    const { cache, warnings } = await open(redis.url)
    await cache!.remember(nameOf(1), blob)
    redis.call('config', 'set', 'maxmemory', '1')
    await cache!.remember(nameOf(2), blob)
    assert.deepEqual(await cache!.find(nameOf(1)), blob)
    redis.call('config', 'set', 'maxmemory', '0')
    await cache!.close()
    assert.match(warnings.join('\n'), /^the cache cannot be written to, only read: redis:.*OOM[^\n]*$/)
  })

  test('a server that goes away is given up with one warning', async () => {
    const lines: Socket[] = []
    const { server, port } = await listen((socket) => {
      lines.push(socket)
      const behind = connect(redis.port, '127.0.0.1').on('error', () => {})
      socket.pipe(behind).pipe(socket)
      socket.on('close', () => behind.destroy())
    })
    const { cache, warnings } = await open(`redis://127.0.0.1:${port}`)
    assert.deepEqual(await cache!.find(nameOf(1)), blob)
    server.close()
    const finds = [1, 2, 3].map((i) => cache!.find(nameOf(i)))
    for (const socket of lines) socket.destroy()
    await Promise.all(finds)
    for (const i of [1, 2]) {
      assert.equal(await cache!.find(nameOf(i)), undefined)
      await cache!.remember(nameOf(i), blob)
    }
    await cache!.close()
    assert.equal(warnings.length, 1, warnings.join('\n'))
    assert.match(warnings[0]!, /^the cache cannot be used: redis:\/\/127\.0\.0\.1:\d+\/?: [^\n]+$/)
  })
})

test('a server that is not there, says nothing, or something else', async () => {
  const silent = await listen(() => {})
  const web = await listen((socket) =>
    socket.once('data', () => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')),
  )
  const echo = await listen((socket) => {
    socket.on('data', (bytes) =>
      socket.write(`-ERR unknown command ${JSON.stringify(String(bytes))}\r\n`.repeat(9)),
    )
  })
  const gone = await listen((socket) => socket.destroy())
  for (const [port, reason] of [
    [await freePort(), /connection refused \(ECONNREFUSED\)$/],
    [silent.port, /no answer in time$/],
    [web.port, /./],
    [echo.port, /ERR unknown command.*\*\*\*/],
    [gone.port, /./],
  ] as const) {
    const { cache, warnings } = await open(`redis://user:${SECRET}@127.0.0.1:${port}`)
    assert.equal(cache, undefined)
    assert.equal(warnings.length, 1)
    assert.match(warnings[0]!, /^the cache cannot be used: redis:\/\/127\.0\.0\.1:\d+: [^\n]{1,220}$/)
    assert.match(warnings[0]!, reason)
    assert.ok(!warnings[0]!.includes(PASSWORD) && !warnings[0]!.includes(SECRET), warnings[0])
  }
})

test('an abort ends the wait for a server, without a warning', async () => {
  const silent = await listen(() => {})
  const stop = new AbortController()
  const opening = open(`redis://127.0.0.1:${silent.port}`, stop.signal)
  await once(silent.server, 'connection')
  stop.abort()
  assert.deepEqual(await opening, { cache: undefined, warnings: [] })
  const aborted = await open(`redis://127.0.0.1:${silent.port}`, stop.signal)
  assert.deepEqual(aborted, { cache: undefined, warnings: [] })
})
