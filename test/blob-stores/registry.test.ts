/** A repository as a blob store: against a real registry, and against servers that answer what they should not. */
import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createWriteStream, writeFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { RegistryStore } from '../../src/blob-stores/registry.js'
import type { BlobReader } from '../../src/model/blob-store.js'
import type { Descriptor, Document } from '../../src/model/descriptor.js'
import { digestOf } from '../../src/model/digest.js'
import type { Patience } from '../../src/registry/patience.js'
import { parseReference } from '../../src/registry/reference.js'
import type { RegistryOptions } from '../../src/registry/session.js'
import { command, skipWithout } from '../support/clients.js'
import { type Fault, serve, startProxy, startRegistry } from '../support/registry.js'
import { scratchDirectory } from '../support/scratch.js'
import { bytesOf } from './suite.js'

const skip = skipWithout('docker-registry', 'curl', 'openssl', 'htpasswd')
const root = scratchDirectory()
const registry = skip ? { host: '' } : await startRegistry(join(root, 'registry'))
/** Waits that tests can wait for. */
const SHORT: Partial<Patience> = { firstWait: 1 }

function open(
  name: string,
  options: RegistryOptions = {},
  { signal = new AbortController().signal, patience = SHORT } = {},
): RegistryStore {
  return new RegistryStore(`docker://${name}`, parseReference(name)!, options, signal, patience)
}

function blobOf(bytes: Buffer): Descriptor {
  return { mediaType: 'application/octet-stream', digest: digestOf(bytes), size: bytes.length }
}

const read = (store: BlobReader, blob: Descriptor): Promise<Buffer> => bytesOf(store.get(blob))

const OCI = 'application/vnd.oci.image.'
const MANIFEST = `${OCI}manifest.v1+json`
const INDEX = `${OCI}index.v1+json`
const LIST = 'application/vnd.docker.distribution.manifest.list.v2+json'

function documentOf(value: object, mediaType: string): Document {
  const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType, ...value }))
  return { descriptor: { mediaType, digest: digestOf(bytes), size: bytes.length }, bytes }
}

describe('a real registry', { skip }, () => {
  const config = Buffer.from('{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}')
  const configBlob = { ...blobOf(config), mediaType: `${OCI}config.v1+json` }
  const layer = randomBytes(300_000)

  test('blobs from files and from bytes, and back', async () => {
    const store = open(`${registry.host}/store/blobs`)
    const file = join(root, 'layer')
    writeFileSync(file, layer)
    for (const [bytes, content] of [
      [layer, file],
      [config, config],
      [Buffer.alloc(0), Buffer.alloc(0)],
    ] as const) {
      const blob = blobOf(bytes)
      assert.equal(await store.has(blob), false)
      await store.put(blob, content)
      assert.equal(await store.has(blob), true)
      assert.equal(await store.has({ ...blob, size: blob.size + 1 }), false)
      assert.ok(bytes.equals(await read(store, blob)))
    }
    await store.close()
  })

  test('manifests and indexes: by digest at once, by tag when they are published', async () => {
    const name = `${registry.host}/store/manifests`
    const store = open(`${name}:v1`)
    await store.put(configBlob, config)
    const image = documentOf({ config: configBlob, layers: [] }, MANIFEST)
    const index = documentOf(
      { manifests: [{ ...image.descriptor, platform: { architecture: 'amd64', os: 'linux' } }] },
      INDEX,
    )
    await store.putManifest(image, undefined)
    assert.deepEqual(await store.manifest(image.descriptor.digest), image)
    for (const tag of ['v1', 'latest']) await store.putManifest(index, tag)
    await store.putManifest(image, 'amd64')
    for (const tag of ['v1', 'latest', 'amd64']) assert.equal(await store.manifest(tag), undefined)
    await store.publish()
    for (const tag of ['v1', 'latest', undefined]) assert.deepEqual(await store.manifest(tag), index)
    assert.deepEqual(await store.manifest('amd64'), image)
    await store.publish()
    const byDigest = open(`${name}@${index.descriptor.digest}`)
    assert.deepEqual(await byDigest.manifest(undefined), index)
    await Promise.all([store.close(), byDigest.close()])
  })

  test("Docker's manifest list keeps its media type", async () => {
    const store = open(`${registry.host}/store/docker`)
    await store.put(configBlob, config)
    const type = 'application/vnd.docker.distribution.manifest.v2+json'
    const settings = { ...configBlob, mediaType: 'application/vnd.docker.container.image.v1+json' }
    const image = documentOf({ config: settings, layers: [] }, type)
    const platform = { architecture: 'amd64', os: 'linux' }
    const list = documentOf({ manifests: [{ ...image.descriptor, platform }] }, LIST)
    await store.putManifest(image, undefined)
    await store.putManifest(list, 'v1')
    await store.publish()
    assert.equal((await store.manifest('v1'))?.descriptor.mediaType, LIST)
    await store.close()
  })

  test('what is not published does not appear, and skopeo reads what is', {
    skip: skipWithout('skopeo'),
  }, async () => {
    const name = `${registry.host}/store/closed`
    const store = open(name)
    await store.put(configBlob, config)
    await store.putManifest(documentOf({ config: configBlob, layers: [] }, MANIFEST), 'v1')
    await store.close()
    const again = open(name)
    assert.equal(await again.manifest('v1'), undefined)
    await again.putManifest(documentOf({ config: configBlob, layers: [] }, MANIFEST), 'v1')
    await again.publish()
    await again.close()
    command('skopeo', ['inspect', '--raw', '--tls-verify=false', `docker://${name}:v1`])
  })

  test('another repository is reached with the same login', async () => {
    const registry = await startRegistry(join(root, 'login'), { login: 'me:secret-word' })
    const proxy = await startProxy(registry.host)
    const file = join(root, 'auth.json')
    const auth = Buffer.from('me:secret-word').toString('base64')
    writeFileSync(file, JSON.stringify({ auths: { [proxy.host]: { auth } } }))
    const before = process.env.REGISTRY_AUTH_FILE
    process.env.REGISTRY_AUTH_FILE = file
    try {
      const store = open(`${proxy.host}/a`, { mountFrom: 'b' })
      const other = store.other('b')
      await other.put(blobOf(layer), layer)
      assert.equal(await store.mount(blobOf(layer)), true)
      assert.ok(layer.equals(await read(store, blobOf(layer))))
      await other.close()
      assert.ok(await store.has(blobOf(layer)))
      await store.close()
    } finally {
      if (before === undefined) delete process.env.REGISTRY_AUTH_FILE
      else process.env.REGISTRY_AUTH_FILE = before
    }
  })

  test('a blob that comes in parts, with lost connections, takes little memory', async () => {
    // In a process of its own, as what counts is its peak.
    const size = 256 << 20
    const file = join(root, 'large')
    const hash = createHash('sha256')
    const out = createWriteStream(file)
    for (let i = 0; i < size >> 20; i++) {
      const piece = Buffer.alloc(1 << 20, createHash('sha256').update(String(i)).digest())
      hash.update(piece)
      if (!out.write(piece)) await once(out, 'drain')
    }
    out.end()
    await once(out, 'close')
    const blob = { mediaType: 'x', digest: `sha256:${hash.digest('hex')}`, size } as const
    const store = open(`${registry.host}/store/large`)
    await store.put(blob, file)
    await store.close()
    const proxy = await startProxy(registry.host)
    const ranges: (string | undefined)[] = []
    proxy.passing = (request, answer, response) => {
      if (request.method !== 'GET' || !request.url!.includes('/blobs/')) return
      ranges.push(request.headers.range)
      let sent = 0
      answer.on('data', (piece: Buffer) => {
        sent += piece.length
        if (sent > 60 << 20) response.destroy()
      })
    }
    const script = `
      import { RegistryStore } from ${JSON.stringify(new URL('../../src/blob-stores/registry.js', import.meta.url).href)}
      import { parseReference } from ${JSON.stringify(new URL('../../src/registry/reference.js', import.meta.url).href)}
      const name = process.argv[1]
      const store = new RegistryStore(name, parseReference(name), {}, new AbortController().signal, { firstWait: 1 })
      let bytes = 0
      for await (const piece of store.get(JSON.parse(process.argv[2]))) bytes += piece.length
      await store.close()
      console.log(JSON.stringify({ bytes, peak: process.resourceUsage().maxRSS }))`
    const { promisify } = await import('node:util')
    const { execFile } = await import('node:child_process')
    const { stdout } = await promisify(execFile)(process.execPath, [
      ...['--input-type=module', '-e', script, `${proxy.host}/store/large`, JSON.stringify(blob)],
    ])
    const { bytes, peak } = JSON.parse(stdout) as { bytes: number; peak: number }
    assert.equal(bytes, size)
    assert.ok(
      ranges.length >= 4 && ranges.slice(1).every((range) => /^bytes=[1-9]\d+-$/.test(range ?? '')),
      `${ranges}`,
    )
    assert.ok(peak < 160 << 10, `${peak} KiB`)
  })

  test('a file that is not there, or shorter, is told at once', async () => {
    const proxy = await startProxy(registry.host)
    const store = open(`${proxy.host}/store/files`)
    const path = join(root, 'short')
    writeFileSync(path, 'abc')
    const blob = { mediaType: 'x', digest: digestOf(Buffer.from('abcdef')), size: 6 }
    await assert.rejects(store.put(blob, join(root, 'none')), {
      code: 'FILE_UNREADABLE',
      message: /none: no such file/,
    })
    await assert.rejects(store.put(blob, path), {
      code: 'FILE_CHANGED',
      message: /expected 6 bytes, found 3/,
    })
    assert.equal(proxy.requests.filter(({ line }) => line.startsWith('POST')).length, 2)
    await store.close()
  })

  for (const [status, headers] of [
    [404, {}],
    [403, {}],
    [405, {}],
    [400, {}],
    [500, {}],
    [202, {}],
    [202, { location: 'file:///etc/passwd' }],
    [201, { 'docker-content-digest': `sha256:${'0'.repeat(64)}` }],
    [401, { 'www-authenticate': 'Basic realm="x"' }],
  ] as const)
    test(`a mount that is answered with ${status} ${JSON.stringify(headers)} is an upload instead`, async () => {
      const proxy = await startProxy(registry.host)
      proxy.faults = [
        {
          when: ({ url }) => url!.includes('mount='),
          act: (request, response) =>
            void request.resume().on('end', () => response.writeHead(status, headers).end()),
        },
      ]
      const store = open(`${proxy.host}/store/mount`, { mountFrom: 'store/blobs' })
      const bytes = randomBytes(100)
      assert.equal(await store.mount(blobOf(bytes)), false)
      await store.put(blobOf(bytes), bytes)
      assert.ok(await store.has(blobOf(bytes)))
      await store.close()
    })
})

/** Answers by `METHOD /path`, from a server of its own. */
async function answering(
  handle: (request: IncomingMessage, response: ServerResponse) => void,
  options: { patience?: Partial<Patience>; signal?: AbortSignal; registry?: RegistryOptions } = {},
): Promise<RegistryStore> {
  const host = await serve(handle)
  const { patience = {}, registry = {}, ...rest } = options
  return open(`${host}/a`, { plainHttp: true, ...registry }, { patience: { ...SHORT, ...patience }, ...rest })
}

const HELLO = Buffer.from('hello, world')
const BLOB = blobOf(HELLO)

describe('manifests that are none', () => {
  const image = documentOf({ layers: [] }, MANIFEST)
  const cases: Record<
    string,
    { headers?: Record<string, string>; body?: Buffer | string; status?: number; error: RegExp }
  > = {
    'another digest than asked for': {
      body: `${image.bytes} `,
      error: /manifest sha256:\w+: expected sha256:\w+, found sha256:\w+/,
    },
    'another digest than told': {
      headers: { 'docker-content-digest': BLOB.digest },
      error: /expected sha256:\w+, found sha256:\w+/,
    },
    'another media type': {
      headers: { 'content-type': 'text/html' },
      error: /expected the media type .*, found text\/html/,
    },
    'no media type': { headers: { 'content-type': '' }, error: /expected the media type .*, found none/ },
    'too large': {
      body: Buffer.alloc((4 << 20) + 1, ' '),
      error: /expected at most 4194304 bytes, found more/,
    },
    'nested deeply': { body: '['.repeat(1000), error: /found/ },
  }
  for (const [name, { headers = {}, body = image.bytes, error }] of Object.entries(cases))
    test(name, async () => {
      const store = await answering((_, response) =>
        response.writeHead(200, { 'content-type': MANIFEST, ...headers }).end(body),
      )
      await assert.rejects(store.manifest(image.descriptor.digest), { code: 'IMAGE_INVALID', message: error })
      await store.close()
    })

  test('nested deeply, by tag', async () => {
    const store = await answering((_, response) =>
      response.writeHead(200, { 'content-type': MANIFEST }).end('['.repeat(1000)),
    )
    await assert.rejects(store.manifest('v1'), {
      code: 'IMAGE_INVALID',
      message: /at most 64 levels of JSON/,
    })
    await store.close()
  })

  test('without end', async () => {
    const store = await answering((_, response) => {
      response.writeHead(200, { 'content-type': MANIFEST })
      const more = (): void => {
        while (!response.destroyed && response.write(Buffer.alloc(1 << 20, ' ')));
      }
      response.on('drain', more)
      more()
    })
    await assert.rejects(store.manifest('v1'), { code: 'IMAGE_INVALID', message: /at most 4194304 bytes/ })
    await store.close()
  })

  test('references that are none are refused before they become a path', async () => {
    const store = await answering((_, response) => response.end())
    for (const text of ['', 'a/b', '../x', 'a?b', 'sha256:0', `x${'y'.repeat(200)}`])
      await assert.rejects(store.manifest(text), { code: 'DESTINATION_INVALID' }, text)
    await assert.rejects(store.putManifest(image, 'bad tag!'), { code: 'DESTINATION_INVALID' })
    await store.close()
    assert.throws(() => open('localhost/a', { mountFrom: '../b' }), { code: 'DESTINATION_INVALID' })
  })
})

describe('blobs that are none', () => {
  const chunked = (body: Buffer | string) => (_: IncomingMessage, response: ServerResponse) => {
    response.writeHead(200)
    response.write(body)
    response.end()
  }
  const cases: Record<string, { answer: Parameters<typeof answering>[0]; code?: string; error: RegExp }> = {
    'other bytes': { answer: chunked('HELLO, world'), error: /expected bytes of that digest, found sha256:/ },
    'a short body': { answer: chunked('hello'), error: /expected 12 bytes, found 5/ },
    'an empty body': {
      answer: (_, response) => response.writeHead(200, { 'content-length': '0' }).end(),
      error: /expected 12 bytes, found 0/,
    },
    'a body that is too long': {
      answer: chunked('hello, world and more'),
      error: /expected 12 bytes, found more/,
    },
    'a length that does not fit': {
      answer: (_, response) => response.end('hello, world!'),
      error: /expected 12 bytes, found 13/,
    },
    'a body without end': {
      answer: (_, response) => {
        response.writeHead(200)
        const more = (): void => {
          while (!response.destroyed && response.write(Buffer.alloc(1 << 16)));
        }
        response.on('drain', more)
        more()
      },
      error: /expected 12 bytes, found more/,
    },
    'another digest in its headers': {
      answer: (_, response) =>
        response.writeHead(200, { 'docker-content-digest': `sha256:${'0'.repeat(64)}` }).end(HELLO),
      error: /expected that digest, found sha256:0+/,
    },
    'another range': {
      answer: (_, response) => response.writeHead(206, { 'content-range': 'bytes 5-16/17' }).end(HELLO),
      error: /expected bytes from 0 on, found Content-Range bytes 5-16/,
    },
    'none at all': {
      answer: (_, response) => response.writeHead(404).end(),
      code: 'REGISTRY_FAILED',
      error: /cannot get sha256:\w+: status 404/,
    },
    'an odd status': {
      answer: (_, response) => response.writeHead(299).end(HELLO),
      code: 'REGISTRY_FAILED',
      error: /status 299/,
    },
    'no content': {
      answer: (_, response) => response.writeHead(204).end(),
      code: 'REGISTRY_FAILED',
      error: /status 204/,
    },
    'a redirect without end': {
      answer: (_, response) => response.writeHead(307, { location: '/again' }).end(),
      code: 'REGISTRY_FAILED',
      error: /status 307/,
    },
  }
  for (const [name, { answer, code = 'IMAGE_INVALID', error }] of Object.entries(cases))
    test(name, async () => {
      const store = await answering(answer)
      let yielded = 0
      const run = async (): Promise<void> => {
        for await (const piece of store.get(BLOB)) yielded += piece.length
      }
      await assert.rejects(run(), { code, message: error })
      assert.ok(yielded < BLOB.size, 'the last piece came')
      await store.close()
    })

  test('a connection that is lost is taken up where it was, also by servers that know no ranges', async () => {
    for (const knowsRanges of [true, false]) {
      const ranges: (string | undefined)[] = []
      const store = await answering(({ headers: { range } }, response) => {
        ranges.push(range)
        const start = knowsRanges && range !== undefined ? Number(/\d+/.exec(range)) : 0
        const headers = start === 0 ? {} : { 'content-range': `bytes ${start}-11/12` }
        response.writeHead(start === 0 ? 200 : 206, { 'content-length': String(12 - start), ...headers })
        if (ranges.length > 3) response.end(HELLO.subarray(start))
        else response.write(HELLO.subarray(start, 3 * ranges.length), () => response.destroy())
      })
      assert.ok(HELLO.equals(await read(store, BLOB)))
      assert.deepEqual(ranges, [undefined, 'bytes=3-', 'bytes=6-', 'bytes=9-'])
      await store.close()
    }
  })

  test('a reader that stops early leaves no connection open', async () => {
    let closed: Promise<unknown> = Promise.resolve()
    const store = await answering((_, response) => {
      closed = once(response, 'close')
      response.writeHead(200, { 'content-length': '100000000' })
      response.write(Buffer.alloc(1 << 20))
    })
    for await (const _ of store.get({ ...BLOB, size: 100_000_000 })) break
    await closed
    await store.close()
  })
})

describe('odd answers to writing', () => {
  const faults: Record<string, { fault: Fault['act']; error: RegExp }> = {
    'a Location of a file': {
      fault: (_, response) => response.writeHead(202, { location: 'file:///etc/passwd' }).end(),
      error: /Location: expected an address with https: or http:, found file:/,
    },
    'a Location with data': {
      fault: (_, response) => response.writeHead(202, { location: 'data:text/plain,x' }).end(),
      error: /found data:/,
    },
    'a Location that is no address': {
      fault: (_, response) => response.writeHead(202, { location: 'http://[' }).end(),
      error: /Location: expected an address, found another text/,
    },
    'a Location with a user': {
      fault: (_, response) =>
        response.writeHead(202, { location: 'http://user:secret-word@127.0.0.1/x' }).end(),
      error: /expected an address without a user name/,
    },
    'no Location': {
      fault: (_, response) => response.writeHead(202).end(),
      error: /expected a Location for an upload, found none/,
    },
    'a long message': {
      fault: (_, response) =>
        response.writeHead(400).end(JSON.stringify({ errors: [{ code: 'X', message: 'y'.repeat(50_000) }] })),
      error: /^127[.\d:]+: cannot begin an upload of sha256:\w{64}: status 400 \(X: y{297}…\)$/,
    },
    'a message without end': {
      fault: (_, response) =>
        void response
          .writeHead(400)
          .end(JSON.stringify({ errors: [{ code: 'X', message: 'y'.repeat(1 << 20) }] })),
      error: /^127[.\d:]+: cannot begin an upload of sha256:\w{64}: status 400$/,
    },
    'errors that are none': {
      fault: (_, response) => response.writeHead(400).end('{"errors":[null]}'),
      error: /status 400$/,
    },
    'a challenge that is none': {
      fault: (_, response) => response.writeHead(401, { 'www-authenticate': 'Negotiate' }).end(),
      error: /expected a challenge for Basic or Bearer, found none/,
    },
    'a realm of a file': {
      fault: (_, response) =>
        response.writeHead(401, { 'www-authenticate': 'Bearer realm="file:///etc/passwd"' }).end(),
      error: /token server: expected an address with https: or http:/,
    },
    'a realm with a user': {
      fault: (_, response) =>
        response
          .writeHead(401, { 'www-authenticate': 'Bearer realm="http://user:secret-word@127.0.0.1/"' })
          .end(),
      error: /token server: expected an address without a user name/,
    },
  }
  for (const [name, { fault, error }] of Object.entries(faults))
    test(name, async () => {
      const store = await answering(
        (request, response) => void request.resume().on('end', () => fault(request, response)),
      )
      await assert.rejects(store.put(BLOB, HELLO), (thrown: Error & { code: string }) => {
        assert.match(thrown.code, /^REGISTRY_(FAILED|DENIED)$/)
        assert.match(thrown.message, error)
        assert.doesNotMatch(thrown.message, /secret-word/)
        assert.ok(thrown.message.length < 700)
        return true
      })
      await store.close()
    })
})
