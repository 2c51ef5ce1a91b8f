/** Credentials on their way: through redirects, proxies and TLS they reach who they are for, and no message. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { after, afterEach, before, describe, test } from 'node:test'
import { RegistryStore } from '../../src/blob-stores/registry.js'
import type { Descriptor } from '../../src/model/descriptor.js'
import { digestOf } from '../../src/model/digest.js'
import { parseReference, withoutUserinfo } from '../../src/registry/reference.js'
import type { RegistryOptions } from '../../src/registry/session.js'
import { parsePlace } from '../../src/transports.js'
import { skipWithout } from '../support/clients.js'
import { runCli, writeConf } from '../support/image.js'
import { makeCertificate, serve, startRegistry } from '../support/registry.js'
import { scratchDirectory } from '../support/scratch.js'

const skip = skipWithout('docker-registry', 'curl', 'openssl', 'htpasswd')
const root = scratchDirectory()
const HELLO = Buffer.from('hello, world')
const BLOB: Descriptor = { mediaType: 'x', digest: digestOf(HELLO), size: HELLO.length }
const PASSWORD = 'hush-hush/word+1'
const PAIR = Buffer.from(`me:${PASSWORD}`).toString('base64')

const environment = { ...process.env }
afterEach(() => {
  for (const name of Object.keys(process.env)) if (!(name in environment)) delete process.env[name]
  Object.assign(process.env, environment)
})

/** From now on, the host is known. */
function logIn(host: string): void {
  const file = join(root, 'auth.json')
  writeFileSync(file, JSON.stringify({ auths: { [host]: { auth: PAIR } } }))
  process.env.REGISTRY_AUTH_FILE = file
}

function open(host: string, options: RegistryOptions = {}): RegistryStore {
  const { signal } = new AbortController()
  const reference = parseReference(`${host}/team/app`)!
  return new RegistryStore(`docker://${host}/team/app`, reference, options, signal, { firstWait: 1 })
}

/** Answers where the right password was sent, otherwise asks for it. */
const withLogin =
  (handle: (request: IncomingMessage, response: ServerResponse) => void) =>
  (request: IncomingMessage, response: ServerResponse): void => {
    request.resume()
    if (request.headers.authorization === `Basic ${PAIR}`) handle(request, response)
    else response.writeHead(401, { 'www-authenticate': 'Basic realm="r"' }).end()
  }

const TLS = join(root, 'tls')
async function serveTls(
  handle: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<string> {
  const server = createTlsServer(
    { cert: readFileSync(join(TLS, 'ca.pem')), key: readFileSync(join(TLS, 'key.pem')) },
    handle,
  )
  return listening(server)
}

async function listening(server: Server | ReturnType<typeof createTlsServer>): Promise<string> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  after(() => {
    server.closeAllConnections()
    server.close()
  })
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}

describe('redirects', { skip }, () => {
  const tlsCa = join(TLS, 'ca.pem')
  before(() => makeCertificate(TLS))

  test('a blob that lies elsewhere is got without credentials, its manifest with them', async () => {
    const seen: (string | undefined)[] = []
    const elsewhere = await serveTls(({ headers }, response) => {
      seen.push(headers.authorization)
      response.writeHead(200, { 'content-length': HELLO.length }).end(HELLO)
    })
    const host = await serveTls(
      withLogin((_, response) =>
        response.writeHead(307, { location: `https://${elsewhere}/x?signature=1` }).end(),
      ),
    )
    logIn(host)
    const store = open(host, { tlsCa })
    for (let i = 0; i < 2; i++) for await (const piece of store.get(BLOB)) assert.ok(HELLO.equals(piece))
    assert.equal(await store.has(BLOB), true)
    assert.deepEqual(seen, [undefined, undefined, undefined])
    await store.close()
  })

  test('the same host with another port, and a challenge there, get none', async () => {
    const seen: (string | undefined)[] = []
    const elsewhere = await serveTls(({ headers }, response) => {
      seen.push(headers.authorization)
      response.writeHead(401, { 'www-authenticate': 'Basic realm="r"' }).end()
    })
    const host = await serveTls(
      withLogin((_, response) => response.writeHead(302, { location: `//${elsewhere}/x` }).end()),
    )
    logIn(host)
    const store = open(host, { tlsCa })
    await assert.rejects(store.has(BLOB), { code: 'REGISTRY_FAILED', message: /status 401$/ })
    assert.deepEqual(seen, [undefined])
    await store.close()
  })

  for (const verb of ['get', 'put'] as const)
    test(`no step down from TLS: ${verb}`, async () => {
      let asked = 0
      const plain = await serve((_, response) => {
        asked++
        response.end(HELLO)
      })
      const host = await serveTls(
        withLogin(({ method }, response) =>
          response.writeHead(method === 'POST' ? 202 : 307, { location: `http://${plain}/x` }).end(),
        ),
      )
      logIn(host)
      const store = open(host, { tlsCa })
      const run = async (): Promise<void> => {
        if (verb === 'put') return store.put(BLOB, HELLO)
        for await (const _ of store.get(BLOB));
      }
      await assert.rejects(run(), {
        code: 'REGISTRY_FAILED',
        message: /Location: expected an address with TLS, found http:/,
        hint: /X-Forwarded-Proto/,
      })
      assert.equal(asked, 0)
      await store.close()
    })

  test('no step down from TLS: a token server', async () => {
    let asked = 0
    const plain = await serve((_, response) => {
      asked++
      response.end('{"token":"t"}')
    })
    const host = await serveTls((_, response) =>
      response.writeHead(401, { 'www-authenticate': `Bearer realm="http://${plain}/token"` }).end(),
    )
    logIn(host)
    const store = open(host, { tlsCa })
    await assert.rejects(store.has(BLOB), {
      code: 'REGISTRY_FAILED',
      message: /token server: expected an address with TLS/,
    })
    assert.equal(asked, 0)
    await store.close()
  })

  test('a token server on another host gets the password, the registry only the token', async () => {
    const atTokens: (string | undefined)[] = []
    const atRegistry: (string | undefined)[] = []
    const tokens = await serveTls(({ headers }, response) => {
      atTokens.push(headers.authorization)
      response.end('{"token":"short-lived"}')
    })
    const host = await serveTls(({ headers: { authorization } }, response) => {
      atRegistry.push(authorization)
      if (authorization === 'Bearer short-lived') response.writeHead(404).end()
      else response.writeHead(401, { 'www-authenticate': `Bearer realm="https://${tokens}/token"` }).end()
    })
    logIn(host)
    const store = open(host, { tlsCa })
    assert.equal(await store.has(BLOB), false)
    assert.deepEqual(atTokens, [`Basic ${PAIR}`])
    assert.deepEqual(atRegistry, [undefined, 'Bearer short-lived'])
    await store.close()
  })

  test('a token that no header could hold', async () => {
    const tokens = await serve((_, response) => response.end(JSON.stringify({ token: 'a\r\nx: y' })))
    const host = await serve((_, response) =>
      response.writeHead(401, { 'www-authenticate': `Bearer realm="http://${tokens}/token"` }).end(),
    )
    const store = open(host, { plainHttp: true })
    await assert.rejects(store.has(BLOB), {
      code: 'REGISTRY_DENIED',
      message: /expected a token, found none/,
    })
    await store.close()
  })
})

describe('messages', () => {
  /** What a server may repeat, in several spellings. */
  const echoes = (authorization: string): string[] => [
    authorization,
    authorization.split(' ')[1]!,
    PASSWORD,
    encodeURIComponent(PASSWORD),
    `you sent {"Authorization":"${authorization}"}`,
    // At the end of what is shown.
    `${'x'.repeat(290)}${PASSWORD}`,
  ]
  const assertNoSecret = (text: string): void => {
    for (const secret of [
      PASSWORD,
      encodeURIComponent(PASSWORD),
      PAIR,
      PASSWORD.slice(0, 6),
      PAIR.slice(0, 8),
      'long-token',
    ])
      assert.ok(!text.includes(secret), text)
  }

  test('a token server that repeats what it was sent', async () => {
    for (const message of echoes(`Basic ${PAIR}`)) {
      const tokens = await serve((_, response) =>
        response.writeHead(403).end(JSON.stringify({ errors: [{ code: 'DENIED', message }] })),
      )
      const host = await serve((_, response) =>
        response.writeHead(401, { 'www-authenticate': `Bearer realm="http://${tokens}/token"` }).end(),
      )
      logIn(host)
      const store = open(host, { plainHttp: true })
      await assert.rejects(store.has(BLOB), (error: Error) => {
        assert.match(error.message, /expected a token, found status 403 \(DENIED: /)
        assertNoSecret(error.message + error.stack)
        return true
      })
      await store.close()
    }
  })

  test('a registry that repeats what it was sent', async () => {
    for (const status of [400, 403, 500])
      for (const message of echoes(`Basic ${PAIR}`)) {
        const host = await serve(
          withLogin((_, response) =>
            response.writeHead(status).end(JSON.stringify({ errors: [{ code: message, message }] })),
          ),
        )
        logIn(host)
        const store = open(host, { plainHttp: true })
        await assert.rejects(store.manifest('v1'), (error: Error) => {
          assert.match(error.message, new RegExp(`status ${status} \\(`))
          assertNoSecret(error.message + error.stack)
          return true
        })
        await store.close()
      }
  })

  test('a registry that repeats a token', async () => {
    const token = 'long-token.with-parts'
    const host = await serve((request, response) => {
      if (request.url!.startsWith('/token')) response.end(JSON.stringify({ token }))
      else if (request.headers.authorization === `Bearer ${token}`)
        response
          .writeHead(400)
          .end(JSON.stringify({ errors: [{ code: 'X', message: `bad token ${token}` }] }))
      else
        response
          .writeHead(401, { 'www-authenticate': `Bearer realm="http://${request.headers.host}/token"` })
          .end()
    })
    const store = open(host, { plainHttp: true })
    await assert.rejects(store.manifest('v1'), { message: /status 400 \(X: bad token \*\*\*\)$/ })
    await store.close()
  })

  test('names with a password are refused without it', () => {
    for (const text of [
      'docker://user:secret-word@registry.example/app',
      'docker://user:secret-word@registry.example/app:v1',
      'docker://user:secret/word@registry.example/app',
      'docker://user:secret@word@registry.example/app',
      `docker://user:secret-word@registry.example/app@sha256:${'0'.repeat(64)}`,
      'docker://secret-word@registry.example',
      'docker:user:secret-word@registry.example/app',
      'https://user:secret-word@registry.example/app',
    ])
      assert.throws(
        () => parsePlace(text),
        (error: Error & { hint?: string }) => {
          assert.match(error.message, /registry\.example|\*\*\*/)
          assert.doesNotMatch(`${error.message}${error.hint}`, /secret|word@/)
          return true
        },
        text,
      )
    assert.equal(
      withoutUserinfo(`localhost/a@sha256:${'0'.repeat(64)}`),
      `localhost/a@sha256:${'0'.repeat(64)}`,
    )
  })

  test('so does the command, for outputs and previous images', () => {
    const conf = writeConf(join(root), {})
    const name = 'docker://user:secret-word@127.0.0.1:1/app'
    for (const args of [
      ['-o', name],
      ['-o', 'docker://127.0.0.1:1/app', '--previous', name],
      ['-o', `docker://127.0.0.1:1/app@sha256:${'0'.repeat(64)}`],
    ]) {
      const { status, stderr } = runCli(conf, args)
      assert.notEqual(status, 0)
      assert.match(stderr, /DESTINATION_INVALID/)
      assert.doesNotMatch(stderr, /secret-word/)
    }
  })
})

describe('proxies', { skip }, () => {
  before(() => makeCertificate(TLS))
  /** A CONNECT proxy that leads every name to the target. */
  async function startConnectProxy(
    target: string,
    password?: string,
  ): Promise<{ host: string; asked: string[] }> {
    const asked: string[] = []
    const server = createServer((_, response) => response.writeHead(400).end())
    server.on('connect', ({ url, headers }: IncomingMessage, socket: Socket) => {
      socket.on('error', () => {})
      asked.push(`${url} ${headers['proxy-authorization'] ?? '-'} ${headers.authorization ?? '-'}`)
      if (
        password !== undefined &&
        headers['proxy-authorization'] !== `Basic ${Buffer.from(password).toString('base64')}`
      ) {
        socket.end('HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n')
        return
      }
      const [hostname, port] = target.split(':')
      const out = connect(Number(port), hostname, () => {
        socket.write('HTTP/1.1 200 Connection established\r\n\r\n')
        out.pipe(socket)
        socket.pipe(out)
      })
      out.on('error', () => socket.destroy())
      socket.on('close', () => out.destroy())
    })
    return { host: await listening(server), asked }
  }

  test('a registry with TLS and a login, behind a proxy without a scheme in its address', async () => {
    const registry = await startRegistry(join(root, 'proxied'), {
      tls: true,
      login: `me:${PASSWORD}`,
      names: ['registry.test'],
    })
    const proxy = await startConnectProxy(registry.host)
    logIn('registry.test')
    for (const address of [proxy.host, `http://${proxy.host}`]) {
      process.env.HTTPS_PROXY = address
      proxy.asked.length = 0
      const store = open('registry.test', { tlsCa: registry.ca })
      await store.put(BLOB, HELLO)
      for await (const piece of store.get(BLOB)) assert.ok(HELLO.equals(piece))
      await store.close()
      assert.ok(proxy.asked.length > 0)
      assert.deepEqual(new Set(proxy.asked), new Set(['registry.test:443 - -']))
    }
    process.env.NO_PROXY = 'registry.test'
    const direct = open('registry.test', { tlsCa: registry.ca })
    await assert.rejects(direct.has(BLOB), { code: 'REGISTRY_FAILED' })
    await direct.close()
  })

  test('a proxy with a login of its own', async () => {
    const host = await serveTls((_, response) => response.writeHead(404).end())
    const proxy = await startConnectProxy(host, 'p:proxy-word')
    const tlsCa = join(TLS, 'ca.pem')
    process.env.HTTPS_PROXY = `p:proxy-word@${proxy.host}`
    const store = open('registry.test', { tlsCa })
    assert.equal(await store.has(BLOB), false)
    await store.close()
    process.env.HTTPS_PROXY = `http://p:wrong-word@${proxy.host}`
    const wrong = open('registry.test', { tlsCa })
    await assert.rejects(wrong.has(BLOB), (error: Error) => {
      assert.match(error.message, /407/)
      assert.doesNotMatch(error.message, /wrong-word/)
      return true
    })
    await wrong.close()
  })

  test('an address that is none is refused without being shown', () => {
    for (const address of ['socks5://u:secret-word@h:1', 'http://u:secret-word@h:x', 'ftp://h'])
      assert.throws(
        () => {
          process.env.HTTPS_PROXY = address
          open('registry.test')
        },
        {
          code: 'REGISTRY_FAILED',
          message: /^HTTPS_PROXY: expected \[http:\/\/\]HOST:PORT, found another address$/,
        },
      )
  })

  test('this machine is never reached through one', async () => {
    process.env.HTTPS_PROXY = process.env.HTTP_PROXY = '127.0.0.1:1'
    const host = await serve((_, response) => response.writeHead(404).end())
    const store = open(host, { plainHttp: true })
    assert.equal(await store.has(BLOB), false)
    await store.close()
  })
})

test('certificates that are none', () => {
  const file = join(root, 'garbage.pem')
  for (const text of ['garbage', '', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n']) {
    writeFileSync(file, text)
    assert.throws(
      () => open('registry.test', { tlsCa: file }),
      { code: 'REGISTRY_FAILED', message: /cannot read .*garbage\.pem: / },
      text,
    )
  }
})
