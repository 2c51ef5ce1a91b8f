/** A registry behind a proxy that misbehaves: it is tried again or one clear error, and never a broken image. */
import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { command, skipWithout } from '../support/clients.js'
import { writeConf } from '../support/image.js'
import { type Fault, freePort, serve, startProxy, startRegistry } from '../support/registry.js'
import { resultOf, runAsync, startCli } from '../support/run-async.js'
import { scratchDirectory } from '../support/scratch.js'

const skip = skipWithout('docker-registry', 'curl', 'skopeo')
const root = scratchDirectory()
const store = join(root, 'store')
mkdirSync(store)
const paths = Array.from({ length: 6 }, (_, i) => join(store, `p${i}`))
for (const [i, path] of paths.entries()) writeFileSync(path, Buffer.alloc(300_000, `${i} some text`))
const conf = writeConf(root, { store_layers: paths.map((path) => [path]) })
const layers = paths.length + 1
const registry = skip ? { host: '' } : await startRegistry(join(root, 'registry'))

const status =
  (code: number, headers: Record<string, string> = {}) =>
  (request: IncomingMessage, response: ServerResponse): void => {
    request.resume()
    request.on('end', () => response.writeHead(code, headers).end())
  }
const drop = (request: IncomingMessage): void => void request.socket.destroy()
/** Takes a part of the body, then hangs up. */
const dropInTheMiddle = (request: IncomingMessage): void =>
  void request.once('data', () => request.socket.destroy())
const isUpload = ({ method }: IncomingMessage): boolean => method === 'PUT' || method === 'PATCH'
const isBlob = (request: IncomingMessage): boolean => isUpload(request) && request.url!.includes('/blobs/')
/** Also the beginning of an upload. */
const isBlobOrUpload = (request: IncomingMessage): boolean =>
  isBlob(request) || (request.method === 'POST' && request.url!.endsWith('/blobs/uploads/'))
const any = (): boolean => true

/** Past the proxy, which lives in this process. @param name `PROXY/REPOSITORY` */
function assertWhole(name: string): void {
  const image = name.replace(/^[^/]*/, registry.host)
  command('skopeo', [
    'copy',
    '-q',
    '--src-tls-verify=false',
    `docker://${image}`,
    `dir:${join(root, 'pulled')}`,
  ])
}

const PASSING: Record<string, Fault[]> = {
  'connections that are dropped': [{ when: any, times: 5, act: drop }],
  'uploads that are dropped in the middle': [{ when: isBlob, times: 5, act: dropInTheMiddle }],
  'status 500, 502, 503': [500, 502, 503].map((code) => ({ when: any, times: 1, act: status(code) })),
  '429 with Retry-After': [{ when: any, times: 3, act: status(429, { 'retry-after': '1' }) }],
  'an upload that comes out damaged': [{ when: isBlob, times: 1, act: status(400) }],
  'an upload session that is lost': [{ when: isBlob, times: 2, act: status(404) }],
  'the manifest at the second try': [
    {
      when: ({ method, url }) => method === 'PUT' && url!.includes('/manifests/'),
      times: 1,
      act: status(503),
    },
  ],
}

describe('what passes is tried again', { skip, concurrency: 8 }, () => {
  for (const [name, faults] of Object.entries(PASSING))
    test(name, async () => {
      const proxy = await startProxy(registry.host)
      proxy.faults = faults
      const image = `${proxy.host}/passing/${name.replace(/[^a-z0-9]+/gi, '-').toLowerCase()}`
      const result = resultOf(await runAsync([conf, '-o', `docker://${image}`]))
      assert.equal(result.destinations?.[0]?.uploaded?.layers, layers)
      assert.ok(
        faults.every(({ times }) => times === 0),
        'the fault did not happen',
      )
      assertWhole(image)
    })

  test('a server that takes only small bodies', async () => {
    const proxy = await startProxy(registry.host)
    const large = ({ headers }: IncomingMessage): boolean => Number(headers['content-length'] ?? 0) > 100_000
    proxy.faults = [{ when: (request) => isUpload(request) && large(request), act: status(413) }]
    const image = `${proxy.host}/small-bodies`
    resultOf(await runAsync([conf, '-o', `docker://${image}`, '--compress', 'none']))
    const bodies = (): number[] =>
      proxy.requests.filter(({ line }) => line.startsWith('PATCH')).map(({ bytes }) => bytes)
    assert.ok(bodies().length > 0)
    assertWhole(image)

    proxy.requests = []
    proxy.headers = { 'oci-chunk-min-length': '99000' }
    const other = `${proxy.host}/not-too-small-bodies`
    resultOf(await runAsync([conf, '-o', `docker://${other}`, '--compress', 'none']))
    assert.ok(bodies().includes(99_000), `${bodies()}`)
    assertWhole(other)
  })
})

const LASTING: Record<string, { fault: Fault; message: RegExp }> = {
  'status 500 for ever': {
    fault: { when: isUpload, act: status(500) },
    message: /PUT http:.*: status 500 \[REGISTRY_FAILED\]/,
  },
  'a wait that is too long': {
    fault: { when: any, act: status(429, { 'retry-after': '3600' }) },
    message: /status 429; it asks to wait 3600 s, more than the 120 s that are waited \[REGISTRY_FAILED\]/,
  },
  'another digest than the one sent': {
    fault: { when: isBlob, act: status(201, { 'docker-content-digest': `sha256:${'0'.repeat(64)}` }) },
    message: /expected the registry to hold the blob sha256:\w+, found sha256:0+ \[REGISTRY_FAILED\]/,
  },
  'no Location': {
    fault: { when: ({ method }) => method === 'POST', act: status(202) },
    message: /expected a Location for an upload, found none \[REGISTRY_FAILED\]/,
  },
  'uploads that are forbidden': {
    fault: { when: ({ method }) => method === 'POST', act: status(403) },
    message: /\[REGISTRY_DENIED\]/,
  },
  'no body small enough': {
    fault: { when: isUpload, act: status(413) },
    message: /status 413 \[REGISTRY_FAILED\]/,
  },
  'bodies that are too large, and are to be no smaller': {
    fault: {
      when: isBlobOrUpload,
      act: (request, response) => {
        const { method, url } = request
        const headers = { location: `${url}/1`, 'oci-chunk-min-length': '9999999999' }
        status(method === 'POST' ? 202 : 413, headers)(request, response)
      },
    },
    message: /cannot upload sha256:\w+: status 413 \[REGISTRY_FAILED\]/,
  },
}

describe('what lasts is one error, and no manifest', { skip, concurrency: 8 }, () => {
  for (const [name, { fault, message }] of Object.entries(LASTING))
    test(name, async () => {
      const proxy = await startProxy(registry.host)
      proxy.faults = [fault]
      const run = await runAsync([conf, '-o', `docker://${proxy.host}/lasting/app`])
      assert.equal(run.status, 1, run.stderr)
      assert.match(run.stderr, message)
      assert.doesNotMatch(run.stderr, /\n {4}at /)
      assert.equal(run.stdout, '')
      assert.ok(proxy.requests.length < 20 * layers, `${proxy.requests.length} requests`)
      assert.ok(!proxy.requests.some(({ line }) => line.startsWith('PUT') && line.includes('/manifests/')))
    })

  test('nobody there', async () => {
    const run = await runAsync([conf, '-o', `docker://127.0.0.1:${await freePort()}/a`])
    assert.equal(run.status, 1)
    assert.match(run.stderr, /connection refused \(ECONNREFUSED\) \[REGISTRY_FAILED\]/)
  })
})

describe('credentials', { skip }, () => {
  const login = (host: string): NodeJS.ProcessEnv => {
    const auth = Buffer.from('me:secret-word').toString('base64')
    writeFileSync(join(root, 'config.json'), JSON.stringify({ auths: { [host]: { auth } } }))
    return { DOCKER_CONFIG: root }
  }

  test('tokens that expire are renewed', async () => {
    let token = 0
    let uses = 0
    const asked: string[] = []
    const tokens = await serve((request, response) => {
      asked.push(`${request.url} ${request.headers.authorization}`)
      uses = 0
      response.writeHead(200).end(JSON.stringify({ token: `token-${++token}` }))
    })
    const proxy = await startProxy(registry.host)
    const challenge = `Bearer realm="http://${tokens}/token",service="registry"`
    proxy.faults = [
      {
        when: ({ headers }) => headers.authorization !== `Bearer token-${token}` || ++uses > 5,
        act: status(401, { 'www-authenticate': challenge }),
      },
    ]
    const image = `${proxy.host}/expiring/app`
    resultOf(await runAsync([conf, '-o', `docker://${image}`], login(proxy.host)))
    assert.ok(token > 2, `${token} tokens`)
    const basic = `Basic ${Buffer.from('me:secret-word').toString('base64')}`
    for (const line of asked)
      assert.equal(line, `/token?service=registry&scope=repository%3Aexpiring%2Fapp%3Apull%2Cpush ${basic}`)
    proxy.faults = []
    assertWhole(image)
  })

  test('an identity token is exchanged for tokens', async () => {
    const asked: string[] = []
    const tokens = await serve(async (request, response) => {
      let form = ''
      for await (const part of request) form += String(part)
      asked.push(`${request.method} ${form}`)
      response.writeHead(200).end(JSON.stringify({ access_token: 'short' }))
    })
    const proxy = await startProxy(registry.host)
    const challenge = `Bearer realm="http://${tokens}/token",service="registry"`
    proxy.faults = [
      {
        when: ({ headers }) => headers.authorization !== 'Bearer short',
        act: status(401, { 'www-authenticate': challenge }),
      },
    ]
    const auths = { [proxy.host]: { identitytoken: 'long-secret' } }
    writeFileSync(join(root, 'config.json'), JSON.stringify({ auths }))
    const run = await runAsync([conf, '-o', `docker://${proxy.host}/identity/app`], { DOCKER_CONFIG: root })
    resultOf(run)
    assert.ok(asked.length > 0)
    for (const line of asked)
      assert.match(line, /^POST grant_type=refresh_token&refresh_token=long-secret&.*&service=registry$/)
    assert.doesNotMatch(run.stderr + run.stdout, /long-secret/)
  })

  for (const answer of [
    { token: null, access_token: 'short' },
    { token: '', access_token: 'short' },
    { token: 'short', access_token: null },
  ])
    test(`a token server that answers ${JSON.stringify(answer)}`, async () => {
      const tokens = await serve((_, response) => response.writeHead(200).end(JSON.stringify(answer)))
      const proxy = await startProxy(registry.host)
      proxy.faults = [
        {
          when: ({ headers }) => headers.authorization !== 'Bearer short',
          act: status(401, { 'www-authenticate': `Bearer realm="http://${tokens}/token"` }),
        },
      ]
      resultOf(await runAsync([conf, '-o', `docker://${proxy.host}/both-names/app`], login(proxy.host)))
    })

  test('a token server that refuses', async () => {
    const tokens = await serve((_, response) =>
      response.writeHead(401).end('{"errors":[{"code":"DENIED","message":"no"}]}'),
    )
    const proxy = await startProxy(registry.host)
    proxy.faults = [
      { when: any, act: status(401, { 'www-authenticate': `Bearer realm="http://${tokens}/token"` }) },
    ]
    const run = await runAsync([conf, '-o', `docker://${proxy.host}/app`, '--debug'], login(proxy.host))
    assert.equal(run.status, 1)
    assert.match(run.stderr, /token: expected a token, found status 401 \(DENIED: no\) \[REGISTRY_DENIED\]/)
    assert.doesNotMatch(run.stderr, /secret-word|bWU6/)
  })

  test('uploads that are sent elsewhere carry none', async () => {
    const elsewhere: (string | undefined)[] = []
    const other = await serve((request, response) => {
      elsewhere.push(request.headers.authorization)
      request.resume()
      request.on('end', () => response.writeHead(201).end())
    })
    const proxy = await startProxy(registry.host)
    const seen = (request: IncomingMessage): boolean => request.headers.authorization === undefined
    proxy.faults = [
      { when: seen, act: status(401, { 'www-authenticate': 'Basic realm="r"' }) },
      {
        when: ({ method }) => method === 'POST',
        act: status(202, { location: `http://${other}/upload?state=x` }),
      },
      { when: ({ method, url }) => method === 'PUT' && url!.includes('/manifests/'), act: status(201) },
    ]
    resultOf(await runAsync([conf, '-o', `docker://${proxy.host}/elsewhere`], login(proxy.host)))
    assert.equal(elsewhere.length, layers + 1)
    assert.deepEqual(new Set(elsewhere), new Set([undefined]))
  })
})

test('killed in the middle, the next run goes on where it was', { skip }, async () => {
  const proxy = await startProxy(registry.host)
  const image = `docker://${proxy.host}/killed/app`
  const { child, ended } = startCli([conf, '-o', image])
  let uploads = 0
  proxy.faults = [
    {
      when: (request) => isBlob(request) && ++uploads > 3,
      act: () => void child.kill('SIGKILL'),
      times: 1,
    },
  ]
  await ended
  assert.ok(!proxy.requests.some(({ line }) => line.includes('PUT') && line.includes('/manifests/')))
  const result = resultOf(await runAsync([conf, '-o', image]))
  const { uploaded, skipped } = result.destinations![0]!
  assert.equal(uploaded!.layers + skipped!.layers, layers)
  assert.ok(skipped!.layers >= 1)
  assertWhole(`${proxy.host}/killed/app`)
})

test('SIGTERM in the middle of an upload: 143, within the time promised', { skip }, async () => {
  const proxy = await startProxy(registry.host)
  const { child, ended } = startCli([conf, '-o', `docker://${proxy.host}/stopped/app`])
  // A server that never answers.
  proxy.faults = [{ when: isBlob, act: () => void child.kill('SIGTERM') }]
  const run = await ended
  assert.equal(run.status, 143, run.stderr)
  assert.equal(run.stdout, '')
})
