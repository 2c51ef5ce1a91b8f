/** Silence, drips and long waits: each has its bound, is told, and ends with the signal. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net'
import { after, describe, test } from 'node:test'
import { RegistryStore } from '../../src/blob-stores/registry.js'
import { ImageError } from '../../src/errors.js'
import type { Descriptor } from '../../src/model/descriptor.js'
import { digestOf } from '../../src/model/digest.js'
import { PATIENCE, type Patience } from '../../src/registry/patience.js'
import { parseReference } from '../../src/registry/reference.js'
import { PassingFailure, retrying } from '../../src/registry/retry.js'
import { serve } from '../support/registry.js'

const HELLO = Buffer.from('hello, world')
const BLOB: Descriptor = { mediaType: 'x', digest: digestOf(HELLO), size: HELLO.length }
/** Deadlines that are never reached, but for those that a test is about. */
const LONG: Partial<Patience> = {
  connect: 60_000,
  idle: 60_000,
  headers: 60_000,
  commit: 60_000,
  firstWait: 1,
  notice: 60_000,
}

interface Opened {
  store: RegistryStore
  told: string[]
  abortion: AbortController
  /** Resolves when a wait is told. */
  waiting: Promise<void>
}

function open(host: string, patience: Partial<Patience>): Opened {
  const told: string[] = []
  const abortion = new AbortController()
  let tell = (): void => {}
  const waiting = new Promise<void>((resolve) => {
    tell = resolve
  })
  const onWait = (message: string): void => {
    told.push(message)
    tell()
  }
  const options = { plainHttp: true, onWait }
  const reference = parseReference(`${host}/a`)!
  const all = { ...LONG, ...patience }
  return {
    store: new RegistryStore(`docker://${host}/a`, reference, options, abortion.signal, all),
    told,
    abortion,
    waiting,
  }
}

/** A server of bytes that are no HTTP. */
async function serveBytes(handle: (socket: Socket) => void): Promise<string> {
  const sockets = new Set<Socket>()
  const server = createTcpServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    handle(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  after(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** Writes the text again and again until nobody listens. */
function drip(socket: Socket | ServerResponse, text: string): void {
  const timer = setInterval(() => socket.write(text), 10)
  socket.on('close', () => clearInterval(timer))
}

const swallow = (request: IncomingMessage, then: () => void): void => void request.resume().on('end', then)

const SILENT: Record<
  string,
  { server: () => Promise<string>; patience: Partial<Patience>; error: RegExp; put?: boolean }
> = {
  'an answer that never begins': {
    server: () => serve(() => {}),
    patience: { headers: 100 },
    error: /no answer within 1 s$/,
  },
  'one that is always just about to begin': {
    server: () => serveBytes((socket) => drip(socket, 'HTTP/1.1 102 Processing\r\n\r\n')),
    patience: { headers: 200 },
    error: /no answer within 1 s$/,
  },
  'a header that never ends': {
    server: () =>
      serveBytes((socket) => {
        socket.write('HTTP/1.1 200 OK\r\nx: ')
        drip(socket, 'y')
      }),
    patience: { headers: 200 },
    error: /no answer within 1 s$/,
  },
  'a body that stops': {
    server: () => serve((_, response) => void response.writeHead(200).write('{')),
    patience: { idle: 100 },
    error: /not a byte within 1 s$/,
  },
  'a body that drips': {
    server: () => serve((_, response) => drip(response.writeHead(200), ' ')),
    patience: { idle: 300, slowest: 100 },
    error: /expected 100000 bytes a second, found fewer$/,
  },
  'an upload that nobody takes': {
    server: () =>
      serve((request, response) => {
        if (request.method === 'POST')
          swallow(request, () => response.writeHead(202, { location: '/u' }).end())
        else if (request.method === 'HEAD') response.writeHead(404).end()
      }),
    patience: { idle: 300 },
    error: /PUT .*: not a byte within 1 s$/,
    put: true,
  },
  'a commit that never ends': {
    server: () =>
      serve((request, response) => {
        swallow(request, () => {
          if (request.method === 'POST') response.writeHead(202, { location: '/u' }).end()
          else if (request.method === 'HEAD') response.writeHead(404).end()
        })
      }),
    patience: { commit: 300, commitRate: 1e9 },
    error: /PUT .*: no answer within 1 s$/,
    put: true,
  },
}

describe('silence is given up after three times', () => {
  for (const [name, { server, patience, error, put = false }] of Object.entries(SILENT))
    test(name, async () => {
      const { store, told } = open(await server(), patience)
      const bytes = Buffer.alloc(32 << 20)
      const run = put ? store.put({ ...BLOB, size: bytes.length }, bytes) : store.manifest('v1')
      await assert.rejects(run, { code: 'REGISTRY_FAILED', message: error })
      assert.equal(told.filter((line) => /; trying again in \d+ s$/.test(line)).length > 0, true, `${told}`)
      await store.close()
    })

  test('a blob that drips', async () => {
    const host = await serve((_, response) => drip(response.writeHead(200), 'x'))
    const { store } = open(host, { idle: 300, slowest: 100 })
    const run = async (): Promise<void> => {
      for await (const _ of store.get({ ...BLOB, size: 1 << 30 }));
    }
    await assert.rejects(run(), {
      code: 'REGISTRY_FAILED',
      message: /expected 100000 bytes a second, found fewer/,
    })
    await store.close()
  })

  test('a token server', async () => {
    const tokens = await serve(() => {})
    const challenge = `Bearer realm="http://${tokens}/token"`
    const host = await serve((_, response) =>
      response.writeHead(401, { 'www-authenticate': challenge }).end(),
    )
    const { store } = open(host, { headers: 300 })
    await assert.rejects(store.manifest('v1'), {
      code: 'REGISTRY_FAILED',
      message: /\/token: no answer within 1 s$/,
    })
    await store.close()
  })

  test('a reader that takes its time is not the registry’s silence', async () => {
    const bytes = Buffer.alloc(1 << 20, 'x')
    const host = await serve((_, response) => response.end(bytes))
    const { store } = open(host, { idle: 200, attempts: 1 })
    let read = 0
    for await (const piece of store.get({ ...BLOB, digest: digestOf(bytes), size: bytes.length })) {
      // Longer than the deadline: a pause of the reader's own.
      if (read === 0) await new Promise((resolve) => setTimeout(resolve, 400))
      read += piece.length
    }
    assert.equal(read, bytes.length)
    await store.close()
  })
})

test('a commit may take longer than other answers, and longer for larger blobs; it is told', async () => {
  let commit: () => void = () => {}
  let uploads = 0
  const host = await serve((request, response) => {
    swallow(request, () => {
      if (request.method === 'POST') response.writeHead(202, { location: '/u' }).end()
      else {
        uploads++
        commit = () => response.writeHead(201).end()
      }
    })
  })
  // 12 bytes at a byte a minute.
  const { store, told, waiting } = open(host, { commit: 0, commitRate: 1 / 60_000, notice: 50 })
  const put = store.put(BLOB, HELLO)
  await waiting
  assert.match(told[0]!, /^PUT http:.*\/u: no answer for 1 s, it has up to 720 s$/)
  commit()
  await put
  assert.equal(uploads, 1)
  await store.close()
  assert.ok(PATIENCE.commit >= 130_000)
})

test('what has arrived although its answer was lost is not sent again', async () => {
  let puts = 0
  const host = await serve((request, response) => {
    swallow(request, () => {
      if (request.method === 'POST') response.writeHead(202, { location: '/u' }).end()
      else if (request.method === 'HEAD') response.writeHead(200, { 'content-length': '12' }).end()
      else if (++puts) response.destroy()
    })
  })
  const { store } = open(host, {})
  await store.put(BLOB, HELLO)
  assert.equal(puts, 1)
  await store.close()
})

describe('Retry-After', () => {
  const failure = new ImageError('REGISTRY_FAILED', 'GET http://r/: status 429')
  const run = async (
    after: number | undefined,
    patience: Partial<Patience>,
  ): Promise<{ told: string[]; runs: number }> => {
    const told: string[] = []
    let runs = 0
    const options = {
      patience: { ...PATIENCE, ...patience },
      signal: new AbortController().signal,
      tell: (line: string) => void told.push(line),
    }
    const busy = (): Promise<never> => {
      runs++
      return Promise.reject(new PassingFailure(failure, { after }))
    }
    await assert.rejects(retrying(options, busy), { code: 'REGISTRY_FAILED' })
    return { told, runs }
  }

  test('31 seconds are waited for: it is bounded, not refused', () => {
    assert.ok(PATIENCE.longestWait >= 60_000)
  })

  test('it is told, and respected', async () => {
    const before = performance.now()
    const { told, runs } = await run(1000, { attempts: 2, firstWait: 1 })
    assert.deepEqual([told, runs], [['GET http://r/: status 429; it asks to wait 1 s'], 2])
    assert.ok(performance.now() - before >= 990)
  })

  test('0 backs off all the same', async () => {
    const before = performance.now()
    const { runs } = await run(0, { attempts: 4, firstWait: 100 })
    assert.equal(runs, 4)
    // Half of 100, 200 and 400 at least.
    assert.ok(performance.now() - before >= 340)
  })

  test('of an answer', async () => {
    let answers = 0
    const host = await serve((_, response) =>
      answers++ === 0 ? response.writeHead(429, { 'retry-after': '1' }).end() : response.writeHead(404).end(),
    )
    const { store, told } = open(host, {})
    assert.equal(await store.manifest('v1'), undefined)
    assert.match(told.join(), /^GET http:.*\/manifests\/v1: status 429; it asks to wait 1 s$/)
    await store.close()
  })
})

describe('the signal ends every wait, and nothing keeps the process', () => {
  const never: Record<string, (ready: () => void) => Promise<string>> = {
    'for a Retry-After': (ready) =>
      serve((_, response) => void response.writeHead(429, { 'retry-after': '100' }).end(ready)),
    'for an answer': (ready) => serve(ready),
    'for the rest of an answer': (ready) =>
      serve((_, response) => void response.writeHead(200).write('{', ready)),
    'for a TLS handshake': (ready) => serveBytes(ready),
    'for an upload to be taken': (ready) =>
      serve((request, response) => {
        if (request.method === 'PUT') ready()
        else swallow(request, () => response.writeHead(202, { location: '/u' }).end())
      }),
  }
  for (const [name, server] of Object.entries(never))
    for (const way of ['the signal', 'close'])
      test(`${name}: ${way}`, async () => {
        let ready = (): void => {}
        const begun = new Promise<void>((resolve) => {
          ready = resolve
        })
        const host = await server(() => ready())
        const { store, abortion, waiting } = open(host, {})
        const secure = new RegistryStore(host, parseReference(`${host}/a`)!, {}, abortion.signal, LONG)
        const used = name.includes('TLS') ? secure : store
        const bytes = Buffer.alloc(32 << 20)
        const run = name.includes('upload')
          ? used.put({ ...BLOB, size: bytes.length }, bytes)
          : used.manifest('v1')
        const rejected = assert.rejects(run, { code: 'ABORTED' })
        await begun
        if (name.includes('Retry-After')) await waiting
        const before = performance.now()
        if (way === 'close') await used.close()
        else abortion.abort()
        await rejected
        await Promise.all([store.close(), secure.close()])
        assert.ok(performance.now() - before < 5000, 'it waited on')
        const left = process.getActiveResourcesInfo().filter((kind) => /TCPSocketWrap|TLSWrap/.test(kind))
        // The servers' own ends.
        assert.ok(left.length < 10, `${left}`)
      })

  test('a signal that was there before', async () => {
    const { store, abortion } = open('127.0.0.1:1', {})
    abortion.abort()
    await assert.rejects(store.manifest('v1'), { code: 'ABORTED' })
    await assert.rejects(store.has(BLOB), { code: 'ABORTED' })
    await assert.rejects(store.put(BLOB, HELLO), { code: 'ABORTED' })
    await assert.rejects(
      store.mount(BLOB).then(() => store.manifest('v1')),
      { code: 'ABORTED' },
    )
    await store.close()
  })
})
