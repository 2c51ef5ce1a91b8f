/** Clients that mean no good, or are slow, beside one that only wants its image. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { after, describe, test } from 'node:test'
import type { Descriptor } from '../../src/model/descriptor.js'
import { skipWithout } from '../support/clients.js'
import { writeConf } from '../support/image.js'
import { makeCertificate } from '../support/registry.js'
import { scratchDirectory } from '../support/scratch.js'
import { startServe } from '../support/serve.js'

const root = scratchDirectory()
const store = join(root, 'store')
mkdirSync(store)
// More than the buffers between two sockets hold.
const LARGE = 40_000_000
writeFileSync(join(store, 'large'), Buffer.alloc(LARGE, 'content'))
const conf = writeConf(root, {
  store_dir: store,
  store_layers: [[join(store, 'large')]],
  repo_tag: 'app:latest',
})
const serving = await startServe([conf])
const { host } = serving
const manifest = (await (await fetch(`http://${host}/v2/app/manifests/latest`)).json()) as {
  layers: Descriptor[]
}
const { digest, size } = manifest.layers[0]!
const LAYER = `GET /v2/app/blobs/${digest} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`

async function dial(): Promise<Socket> {
  const [hostname, port] = host.split(':')
  const socket = connect(Number(port), hostname)
  socket.on('error', () => {})
  after(() => socket.destroy())
  await once(socket, 'connect')
  return socket
}

/** What the server says before it closes the connection. */
async function answerTo(...parts: string[]): Promise<string> {
  const socket = await dial()
  for (const part of parts) socket.write(part)
  return text(socket).catch(() => 'reset')
}

async function takesLayer(): Promise<void> {
  const answer = await fetch(`http://${host}/v2/app/blobs/${digest}`)
  const hash = createHash('sha256')
  for await (const part of answer.body!) hash.update(part)
  assert.equal(`sha256:${hash.digest('hex')}`, digest)
}

describe('a server among clients', () => {
  test('one that reads a byte now and then holds up nobody', async () => {
    const slow = await dial()
    slow.pause()
    slow.write(LAYER)
    await once(slow, 'readable')
    assert.ok(slow.read(1))
    await takesLayer()
    assert.ok(slow.read(1))
    await takesLayer()
    // What it gets in the end is whole all the same.
    let bytes = 2
    for await (const part of slow) {
      bytes += (part as Buffer).length
      if (bytes > size) break
    }
    assert.ok(bytes > size)
  })

  test('200 take a layer at once, and memory stays where it is', async () => {
    const sockets = await Promise.all(Array.from({ length: 200 }, dial))
    for (const socket of sockets) socket.pause().write(LAYER)
    await Promise.all(sockets.map((socket) => once(socket, 'readable')))
    await takesLayer()
    const status = readFileSync(`/proc/${serving.child.pid}/status`, 'utf8')
    const kilobytes = Number(/^VmHWM:\s+(\d+) kB/m.exec(status)![1])
    assert.ok(kilobytes < 350_000, `${kilobytes} kB`)
    for (const socket of sockets) socket.destroy()
  })

  test('what is no HTTP is answered with 400, and the connection is closed', async () => {
    for (const nonsense of [
      'hello\r\n\r\n',
      '\0\x01\x02\r\n\r\n',
      'GET\r\n\r\n',
      'GET / HTTP/9.9\r\n\r\n',
      '\x16\x03\x01\x02\0\x01',
    ])
      assert.match(await answerTo(nonsense), /^HTTP\/1\.1 400 Bad Request\r\nConnection: close/)
    assert.match(await answerTo('GET / HTTP/1.1\r\n\r\n'), /^HTTP\/1\.1 400/)
    assert.match(
      await answerTo(`GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`),
      /^HTTP\/1\.1 431/,
    )
    const lengths =
      'POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'
    assert.match(await answerTo(lengths), /^HTTP\/1\.1 400/)
    await takesLayer()
  })

  test('targets that lead elsewhere lead nowhere', async () => {
    for (const target of [
      '/../../etc/passwd',
      '/v2/../../etc/passwd',
      '/v2/app/blobs/../../../../etc/passwd',
      '/v2/app/blobs/sha256:..%2f..%2fetc%2fpasswd',
      '/v2/app%2f..%2fapp/tags/list',
      '//etc/passwd',
      '/v2//etc/passwd',
      'http://other.example/etc/passwd',
      '*',
      '/%00',
      '/%ff',
      `/v2/${'a/'.repeat(2000)}a/tags/list`,
    ]) {
      const answer = await answerTo(`GET ${target} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n`)
      assert.match(answer, /^HTTP\/1\.1 40[04] /, target)
      assert.ok(!answer.includes('root:'), target)
    }
  })

  test('a body that never ends is not read: what writes is refused at once', async () => {
    const head = 'POST /v2/app/blobs/uploads/ HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n'
    assert.match(await answerTo(`${head}\r\n`, '5\r\nhello\r\n'), /^HTTP\/1\.1 405 [\s\S]*read-only/)
    const expecting = await answerTo(`${head}Expect: 100-continue\r\n\r\n`)
    assert.match(expecting, /^HTTP\/1\.1 405 /)
  })

  test('requests of one connection are answered in turn, and not more than a few wait', async () => {
    const few = await dial()
    few.write(`${LAYER}${LAYER}GET /v2/ HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n`)
    const parts: Buffer[] = []
    for await (const part of few) parts.push(part as Buffer)
    const all = Buffer.concat(parts)
    assert.ok(all.length > 2 * size && all.subarray(-2).toString() === '{}')
    const many = await dial()
    many.pause().write(LAYER.repeat(500))
    await once(many, 'close')
    await takesLayer()
  })

  test('more than 256 blobs on their way are refused in words, and other answers are not', async () => {
    const sockets = await Promise.all(Array.from({ length: 256 }, dial))
    for (const socket of sockets) socket.pause().write(LAYER)
    await Promise.all(sockets.map((socket) => once(socket, 'readable')))
    const refused = await fetch(`http://${host}/v2/app/blobs/${digest}`)
    assert.equal(refused.status, 429)
    assert.equal(refused.headers.get('retry-after'), '1')
    assert.match(await refused.text(), /TOOMANYREQUESTS/)
    assert.equal((await fetch(`http://${host}/v2/app/manifests/latest`)).status, 200)
    for (const socket of sockets) socket.destroy()
    // They are gone when the server has noticed.
    for (;;) {
      const answer = await fetch(`http://${host}/v2/app/blobs/${digest}`, { headers: { range: 'bytes=0-0' } })
      await answer.arrayBuffer()
      if (answer.status === 206) break
    }
  })

  test('connections beyond a thousand are closed, the others go on', async () => {
    const sockets: Socket[] = []
    const closed = new Promise<void>((resolve) => {
      const more = async (): Promise<void> => {
        for (let i = 0; i < 1100; i++) {
          const socket = await dial()
          socket.on('close', () => resolve())
          sockets.push(socket)
        }
      }
      void more()
    })
    await closed
    for (const socket of sockets) socket.destroy()
    await takesLayer()
  })

  test('a server told to end does not wait for connections that never asked, with TLS or without', {
    skip: skipWithout('openssl'),
  }, async () => {
    makeCertificate(join(root, 'tls'))
    const tls = ['--tls-cert', join(root, 'tls', 'ca.pem'), '--tls-key', join(root, 'tls', 'key.pem')]
    for (const args of [[], tls]) {
      const other = await startServe([conf, ...args])
      const [hostname, port] = other.host.split(':')
      const silent = connect(Number(port), hostname)
      const begun = connect(Number(port), hostname)
      await Promise.all([once(silent, 'connect'), once(begun, 'connect')])
      begun.write('GET / HT')
      for (const socket of [silent, begun]) socket.on('error', () => {})
      other.child.kill('SIGTERM')
      assert.equal(await other.ended, 0)
    }
  })
})
