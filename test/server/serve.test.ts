import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { get, type IncomingMessage } from 'node:http'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { describe, test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import type { Descriptor } from '../../src/model/descriptor.js'
import { readImage } from '../support/archive.js'
import { FALSE, falseCache } from '../support/false-cache.js'
import { runCli, writeConf } from '../support/image.js'
import { runAsync } from '../support/run-async.js'
import { scratchDirectory } from '../support/scratch.js'
import { type Serving, startServe } from '../support/serve.js'
import { settled } from '../support/settled.js'

const root = scratchDirectory()

/** A configuration with two store paths of some files, and one with a file that no slice holds. */
function makeConf(name: string, content = name, tag = `${name}:latest`): string {
  const directory = join(root, name)
  const store = join(directory, 'store')
  for (const path of ['a', 'b']) {
    mkdirSync(join(store, path, 'deep'), { recursive: true })
    for (const i of [1, 2, 3])
      writeFileSync(join(store, path, 'deep', `${i}.txt`), `${content} ${i}\n`.repeat(i * 100))
  }
  mkdirSync(join(store, 'large'), { recursive: true })
  writeFileSync(join(store, 'large', 'file'), Buffer.alloc(3_000_001, content))
  const layers = ['a', 'b', 'large'].map((path) => [join(store, path)])
  return writeConf(directory, { store_dir: store, store_layers: layers, repo_tag: tag })
}

interface Manifest {
  digest: string
  config: Descriptor
  layers: Descriptor[]
}

async function manifestOf(host: string, name: string, tag = 'latest'): Promise<Manifest> {
  const answer = await fetch(`http://${host}/v2/${name}/manifests/${tag}`)
  assert.equal(answer.status, 200, await answer.clone().text())
  const digest = answer.headers.get('docker-content-digest')!
  return { ...((await answer.json()) as Manifest), digest }
}

async function blobOf(host: string, name: string, digest: string, range?: string): Promise<Buffer> {
  const headers: Record<string, string> = range === undefined ? {} : { range: `bytes=${range}` }
  const answer = await fetch(`http://${host}/v2/${name}/blobs/${digest}`, { headers })
  assert.equal(answer.status, range === undefined ? 200 : 206)
  return Buffer.from(await answer.arrayBuffer())
}

function sha256(bytes: Buffer): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`
}

/** A response that is not read on. */
async function open(host: string, path: string): Promise<IncomingMessage> {
  const [answer] = (await once(get(`http://${host}${path}`), 'response')) as [IncomingMessage]
  answer.on('error', () => {})
  return answer
}

describe('serve', () => {
  test('gives the layers and the config that the archive has, whole and from any byte on', async () => {
    const conf = makeConf('whole')
    const { host } = await startServe([conf])
    const archive = await readImage(runCli(conf).output)
    const { config, layers } = await manifestOf(host, 'whole')
    assert.equal(config.digest, archive.imageId)
    assert.deepEqual(
      layers.map(({ digest }) => digest),
      archive.image.rootfs.diff_ids,
    )
    assert.equal(sha256(await blobOf(host, 'whole', config.digest)), config.digest)
    for (const { digest, size } of layers) {
      const whole = await blobOf(host, 'whole', digest)
      assert.equal(whole.length, size)
      assert.equal(sha256(whole), digest)
      const edges = [
        0,
        1,
        511,
        512,
        513,
        1024,
        1536,
        2048,
        2560,
        262_143,
        262_144,
        262_145,
        size - 10241,
        size - 1,
      ]
      for (const start of edges.filter((it) => it >= 0 && it < size)) {
        assert.ok(whole.subarray(start).equals(await blobOf(host, 'whole', digest, `${start}-`)), `${start}`)
        const end = Math.min(size, start + 700)
        const part = await blobOf(host, 'whole', digest, `${start}-${end - 1}`)
        assert.ok(whole.subarray(start, end).equals(part), `${start}-${end}`)
      }
    }
  })

  test('a file that changed after its digest was told: nobody has the layer, and the next who asks gets what is', async () => {
    const conf = makeConf('changing')
    const serving = await startServe([conf])
    const { host } = serving
    const before = await manifestOf(host, 'changing')
    writeFileSync(join(root, 'changing', 'store', 'large', 'file'), Buffer.alloc(3_000_001, 'other'))
    const path = `/v2/changing/blobs/${before.layers[2]!.digest}`
    const answer = await fetch(`http://${host}${path}`)
    assert.equal(answer.status, 500)
    assert.match(await answer.text(), /large\/file.* changed while the image was built/)
    const line = await serving.said(/changed while the image was built/)
    assert.match(
      line,
      /^stream-layered-image: error: GET \/v2\/changing\/blobs\/sha256:[0-9a-f]{64}: .*large\/file/,
    )
    const after = await manifestOf(host, 'changing')
    assert.notEqual(after.layers[2]!.digest, before.layers[2]!.digest)
    assert.equal(sha256(await blobOf(host, 'changing', after.layers[2]!.digest)), after.layers[2]!.digest)
    assert.equal((await fetch(`http://${host}${path}`)).status, 404)
  })

  test('a file that changes while it is sent breaks the connection', async () => {
    const conf = makeConf('changed-late')
    const file = join(root, 'changed-late', 'store', 'large', 'file')
    // More than the buffers between two sockets hold.
    writeFileSync(file, Buffer.alloc(60_000_000))
    const serving = await startServe([conf])
    const { layers } = await manifestOf(serving.host, 'changed-late')
    const answer = await open(serving.host, `/v2/changed-late/blobs/${layers[2]!.digest}`)
    await once(answer, 'readable')
    writeFileSync(file, Buffer.alloc(60_000_000, 1))
    await assert.rejects(text(answer), { code: 'ECONNRESET' })
    await serving.said(/error: GET .*large\/file.* changed while the image was built/)
  })

  test('what is being served stays what it was, while the configuration changes and goes', async () => {
    const conf = makeConf('developed')
    const { host } = await startServe([conf])
    const before = await manifestOf(host, 'developed')
    const document = JSON.parse(readFileSync(conf, 'utf8'))
    writeFileSync(conf, JSON.stringify({ ...document, store_layers: document.store_layers.slice(0, 2) }))
    const after = await manifestOf(host, 'developed')
    assert.equal(after.layers.length, before.layers.length - 1)
    assert.equal((await manifestOf(host, 'developed', before.digest)).digest, before.digest)
    assert.equal((await blobOf(host, 'developed', before.layers[2]!.digest)).length, before.layers[2]!.size)
    writeFileSync(conf, '{"half')
    const broken = await fetch(`http://${host}/v2/developed/manifests/latest`)
    assert.equal(broken.status, 500)
    assert.match(await broken.text(), /conf\.json/)
    assert.equal((await blobOf(host, 'developed', before.layers[2]!.digest)).length, before.layers[2]!.size)
    writeFileSync(conf, JSON.stringify({ ...document, repo_tag: 'renamed:2' }))
    assert.equal((await manifestOf(host, 'renamed', '2')).digest, before.digest)
    assert.equal((await fetch(`http://${host}/v2/developed/manifests/latest`)).status, 404)
    assert.equal((await blobOf(host, 'developed', before.layers[2]!.digest)).length, before.layers[2]!.size)
  })

  test('a directory is served as a whole, and what comes into it', async () => {
    for (const [name, tag] of [
      ['all/one', ''],
      ['all/two', 'own/name:3'],
    ] as const)
      makeConf(name, name, tag)
    mkdirSync(join(root, 'all', 'broken'))
    writeFileSync(join(root, 'all', 'README'), 'no configuration')
    writeFileSync(join(root, 'all', 'broken', 'conf.json'), '{')
    const serving = await startServe([join(root, 'all')])
    const { host } = serving
    const catalog = async (): Promise<unknown> => (await fetch(`http://${host}/v2/_catalog`)).json()
    assert.deepEqual(await catalog(), { repositories: ['one', 'own/name'] })
    await serving.said(/warning: .*broken\/conf\.json.*it is left out/)
    makeConf('all/three', 'three', '')
    assert.deepEqual(await catalog(), { repositories: ['one', 'own/name', 'three'] })
    assert.equal((await manifestOf(host, 'three')).layers.length, 4)
    rmSync(join(root, 'all', 'one'), { recursive: true })
    assert.deepEqual(await catalog(), { repositories: ['own/name', 'three'] })
    makeConf('all/four', 'four', 'own/name:3')
    assert.deepEqual(await catalog(), { repositories: ['own/name', 'three'] })
    await serving.said(/two\/conf\.json: .*four\/conf\.json is called own\/name:3 too; it is left out/)
    const lists = [`/v2/_catalog?n=1`, `/v2/_catalog?n=1&last=own%2Fname`]
    const pages = await Promise.all(lists.map((path) => fetch(`http://${host}${path}`)))
    assert.equal(pages[0]!.headers.get('link'), '</v2/_catalog?n=1&last=own%2Fname>; rel="next"')
    assert.deepEqual(await pages[1]!.json(), { repositories: ['three'] })
    assert.equal(pages[1]!.headers.get('link'), null)
  })

  test('--compress offers blobs that unpack to the layers', async () => {
    const conf = makeConf('packed')
    const { host } = await startServe([conf, '--compress', 'gzip:1'])
    const { layers, config } = await manifestOf(host, 'packed')
    const image = JSON.parse(String(await blobOf(host, 'packed', config.digest))) as {
      rootfs: { diff_ids: string[] }
    }
    for (const [i, { digest, size, mediaType }] of layers.entries()) {
      assert.equal(mediaType, 'application/vnd.oci.image.layer.v1.tar+gzip')
      const packed = await blobOf(host, 'packed', digest)
      assert.equal(packed.length, size)
      assert.equal(sha256(packed), digest)
      assert.equal(sha256(gunzipSync(packed)), image.rootfs.diff_ids[i])
      assert.ok(packed.subarray(7, 20).equals(await blobOf(host, 'packed', digest, '7-19')))
    }
    assert.equal(config.digest, (await readImage(runCli(conf).output)).imageId)
  })

  test('--cache remembers digests that were compared once more on their way out', async () => {
    const conf = makeConf('remembered')
    await settled(...['a', 'b', 'large'].map((path) => join(root, 'remembered', 'store', path)))
    const cache = join(root, 'cache')
    const { host } = await startServe([conf, '--cache', cache])
    const { layers } = await manifestOf(host, 'remembered')
    for (const { digest } of layers) await blobOf(host, 'remembered', digest)
    const stats = async () => JSON.parse((await runAsync(['cache', 'stats', cache])).stdout).entries as number
    assert.equal(await stats(), 3)
    const again = await startServe([conf, '--cache', cache])
    assert.deepEqual((await manifestOf(again.host, 'remembered')).layers, layers)
    for (const { digest } of layers)
      assert.equal(sha256(await blobOf(again.host, 'remembered', digest)), digest)
  })

  test('a digest that the cache has wrong is found before the last byte, and the next who asks gets the true one', async () => {
    const conf = makeConf('stale')
    const paths = [join(root, 'stale', 'store', 'large')]
    await settled(...paths)
    const { host, said } = await startServe([
      conf,
      '--cache',
      await falseCache(join(root, 'false-cache'), paths),
    ])
    const { layers } = await manifestOf(host, 'stale')
    assert.equal(layers[2]!.digest, FALSE)
    const answer = await open(host, `/v2/stale/blobs/${FALSE}`)
    await assert.rejects(text(answer), { code: 'ECONNRESET' })
    await said(/expected sha256:0+ as the cache remembers it, found sha256:/)
    const { digest } = (await manifestOf(host, 'stale')).layers[2]!
    assert.notEqual(digest, FALSE)
    assert.equal(sha256(await blobOf(host, 'stale', digest)), digest)
  })

  test('it ends after the responses under way, and at once when it is told twice', async () => {
    const conf = makeConf('ending')
    // More than the buffers between two sockets hold.
    writeFileSync(join(root, 'ending', 'store', 'large', 'file'), Buffer.alloc(60_000_000))
    for (const times of [1, 2]) {
      const serving = await startServe([conf])
      const { layers } = await manifestOf(serving.host, 'ending')
      const idle = await open(serving.host, '/v2/')
      idle.resume()
      const answer = await open(serving.host, `/v2/ending/blobs/${layers[2]!.digest}`)
      serving.child.kill('SIGTERM')
      await assert.rejects(refused(serving))
      if (times === 2) {
        serving.child.kill('SIGINT')
        assert.equal(await serving.ended, 143)
        await assert.rejects(text(answer))
      } else {
        const body = await text(answer)
        assert.equal(body.length, layers[2]!.size)
        assert.equal(await serving.ended, 0)
      }
    }
  })

  test('a server that is killed leaves a client without the image, and another goes on where it was', async () => {
    const conf = makeConf('killed')
    const serving = await startServe([conf])
    const { layers, digest } = await manifestOf(serving.host, 'killed')
    const answer = await open(serving.host, `/v2/killed/blobs/${layers[2]!.digest}`)
    await once(answer, 'readable')
    const start = (answer.read(1000) as Buffer).subarray(0, 1000)
    serving.child.kill('SIGKILL')
    await assert.rejects(text(answer), { code: 'ECONNRESET' })
    const other = await startServe([conf])
    // Nobody has asked this one for the tag.
    const rest = await blobOf(other.host, 'killed', layers[2]!.digest, '1000-')
    assert.equal(sha256(Buffer.concat([start, rest])), layers[2]!.digest)
    assert.equal((await manifestOf(other.host, 'killed', digest)).digest, digest)
  })

  test('--verbose tells of each request in one line', async () => {
    const serving = await startServe([makeConf('told'), '--verbose'])
    await fetch(`http://${serving.host}/v2/`)
    await serving.said(/^GET \/v2\/ 200 2 \d+\.\d\ds$/)
    const { layers } = await manifestOf(serving.host, 'told')
    const answer = await open(serving.host, `/v2/told/blobs/${layers[2]!.digest}`)
    answer.destroy()
    await serving.said(/^GET \/v2\/told\/blobs\/sha256:\S+ 200 \d+ \d+\.\d\ds, cut off$/)
    assert.ok(!serving.lines.some((line) => line.includes('error')), serving.lines.join('\n'))
  })

  test('what cannot be served is said before it listens', async () => {
    const conf = makeConf('wrong')
    const twin = makeConf('twin', 'twin', 'wrong:latest')
    const { host } = await startServe([conf])
    const cases: [string[], RegExp, number][] = [
      [[join(root, 'none.json')], /none\.json: no such file/, 1],
      [[conf, twin], /twin\/conf\.json: .*wrong\/conf\.json is called wrong:latest too/, 2],
      [[makeConf('upper', 'x', 'App:1')], /expected a repo_tag that a registry takes, found "App:1"/, 2],
      [[conf, '--listen', host], /cannot listen on 127\.0\.0\.1:\d+: address already in use/, 2],
      [[conf, '--listen', '0.0.0.0:0'], /expected TLS and credentials .* found no TLS/, 2],
      [[conf, '--tls-cert', conf], /expected both a certificate and its key/, 2],
      [[conf, '--tls-cert', conf, '--tls-key', conf], /cannot use the certificate and its key/, 2],
      [[conf, '--token', conf, '--htpasswd', conf], /expected a token or an htpasswd file, found both/, 2],
      [[conf, '--htpasswd', conf], /expected lines of USER:HASH with bcrypt, found another/, 2],
      [[conf, '--htpasswd', '/dev/null'], /expected lines of USER:HASH with bcrypt, found none/, 2],
      [[conf, '--token', '/dev/null'], /expected a token of at least 16 characters/, 2],
      [[conf, '--listen', 'x'], /expected HOST:PORT, found "x"/, 2],
      [[conf, '-j', 'x'], /expected a whole number from 1, found "x"/, 2],
    ]
    for (const [args, message, expected] of cases) {
      const { status, stderr } = await runAsync(['serve', ...args])
      assert.match(stderr, message)
      assert.equal(status, expected, stderr)
    }
  })
})

/** Rejects when no new connection is taken: the server takes the signal in its own time. */
async function refused({ host }: Serving): Promise<never> {
  for (;;) await (await fetch(`http://${host}/v2/`, { headers: { connection: 'close' } })).text()
}
