import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { describe, test } from 'node:test'
import { ImageError } from '../../src/errors.js'
import { parseDestination } from '../../src/outputs/destination.js'
import { findCredentials } from '../../src/registry/credentials.js'
import { isLoopback, parseOtherImage, parseReference } from '../../src/registry/reference.js'
import { PassingFailure, retryAfter, retrying } from '../../src/registry/retry.js'
import { parseChallenge } from '../../src/registry/token.js'
import { scratchDirectory } from '../support/scratch.js'

const root = scratchDirectory()

test('references', () => {
  const cases: Record<string, [string, string, string] | undefined> = {
    'localhost:5000/a/b:v1': ['localhost:5000', 'a/b', 'v1'],
    'localhost/a': ['localhost', 'a', 'latest'],
    'registry.example/a/b/c': ['registry.example', 'a/b/c', 'latest'],
    '[::1]:5000/a:t': ['[::1]:5000', 'a', 't'],
    'busybox:1.36': ['docker.io', 'library/busybox', '1.36'],
    'org/app': ['docker.io', 'org/app', 'latest'],
    'docker.io/busybox': ['docker.io', 'library/busybox', 'latest'],
    'localhost:5000/A': undefined,
    'localhost:5000/a:': undefined,
    'localhost:5000/a:b:c': undefined,
    'localhost:5000/': undefined,
    'localhost:5000/../a': undefined,
    'localhost:5000/a@sha256:00': undefined,
    'user:secret@registry.example/a': undefined,
    '': undefined,
  }
  for (const [text, expected] of Object.entries(cases)) {
    const [host, repository, tag] = expected ?? []
    assert.deepEqual(parseReference(text), expected && { host, repository, tag }, text)
  }
  for (const host of ['localhost', 'localhost:5000', '127.0.0.1', '127.9.9.9:1', '[::1]:5000'])
    assert.ok(isLoopback(host), host)
  for (const host of ['localhost.example', '128.0.0.1', '10.0.0.1', 'registry.example', '127.0.0.1.example'])
    assert.ok(!isLoopback(host), host)
})

test('images beside another one', () => {
  const here = { host: 'localhost:5000', repository: 'a/b', tag: 'v1' }
  const digest = `sha256:${'0'.repeat(64)}`
  const cases: Record<string, [string, string] | undefined> = {
    v0: ['a/b', 'v0'],
    [digest]: ['a/b', digest],
    'localhost:5000/c:v2': ['c', 'v2'],
    'docker://localhost:5000/c/d': ['c/d', 'latest'],
    'localhost:5001/c:v2': undefined,
    'c/d': undefined,
    '../x': undefined,
    'v0?x': undefined,
    '': undefined,
  }
  for (const [text, expected] of Object.entries(cases)) {
    const [repository, reference] = expected ?? []
    assert.deepEqual(parseOtherImage(text, here), expected && { repository, reference }, text)
  }
})

test('destinations', () => {
  assert.deepEqual(parseDestination('a/b.tar'), { transport: 'docker-archive', path: 'a/b.tar' })
  assert.deepEqual(parseDestination('./a:b'), { transport: 'docker-archive', path: './a:b' })
  assert.deepEqual(parseDestination('oci:dir:v1'), { transport: 'oci', path: 'dir', tag: 'v1' })
  assert.deepEqual(parseDestination('oci-archive:f'), { transport: 'oci-archive', path: 'f', tag: undefined })
  for (const text of ['docker:a/b', 'docker://', 'oci:', 'docker-archive:', 'containers-storage:x', 'dir:x'])
    assert.throws(() => parseDestination(text), { code: 'DESTINATION_INVALID' }, text)
})

test('challenges', () => {
  const bearer = 'Bearer realm="https://auth.example/token",service="registry",scope="repository:a:pull"'
  const found = parseChallenge(bearer)
  assert.ok(found?.scheme === 'bearer')
  assert.equal(found.realm.href, 'https://auth.example/token')
  assert.deepEqual([found.service, found.scope], ['registry', 'repository:a:pull'])
  assert.deepEqual(parseChallenge('Basic realm="x"'), { scheme: 'basic' })
  for (const header of [undefined, '', 'Negotiate', 'Bearer', 'Bearer realm="no url"'])
    assert.equal(parseChallenge(header), undefined, header)
})

test('Retry-After in seconds and as a date', () => {
  assert.equal(retryAfter('3'), 3000)
  assert.equal(retryAfter('Thu, 01 Jan 1970 00:00:10 GMT', 4000), 6000)
  assert.equal(retryAfter('Thu, 01 Jan 1970 00:00:10 GMT', 40_000), 0)
  assert.equal(retryAfter('soon'), undefined)
  assert.equal(retryAfter(undefined), undefined)
})

test('retrying ends with the last failure, and at once when it will not pass', async () => {
  const failure = new ImageError('REGISTRY_FAILED', 'busy')
  let runs = 0
  const busy = async (): Promise<never> => {
    runs++
    throw new PassingFailure(failure, 0)
  }
  await assert.rejects(retrying(busy), failure)
  assert.equal(runs, 6)
  runs = 0
  const late = async (): Promise<never> => {
    runs++
    throw new PassingFailure(failure, 3_600_000)
  }
  await assert.rejects(retrying(late), failure)
  assert.equal(runs, 1)
  await assert.rejects(
    retrying(() => Promise.reject(failure)),
    failure,
  )
})

describe('credentials', () => {
  const encode = (text: string): string => Buffer.from(text).toString('base64')
  let count = 0
  const config = (document: unknown): NodeJS.ProcessEnv => {
    const directory = join(root, String(count++))
    mkdirSync(directory)
    const text = typeof document === 'string' ? document : JSON.stringify(document)
    writeFileSync(join(directory, 'config.json'), text)
    return { ...process.env, DOCKER_CONFIG: directory }
  }
  const password = (username: string, word: string): unknown => ({
    kind: 'password',
    username,
    password: word,
  })

  test('auths, by host in all its spellings', async () => {
    const env = config({
      auths: {
        'https://a.example/v1/': { auth: encode('me:p:w') },
        'b.example:5000': { username: 'u', password: 'v' },
        'https://index.docker.io/v1/': { identitytoken: 'refresh' },
      },
    })
    assert.deepEqual(await findCredentials('a.example', env), password('me', 'p:w'))
    assert.deepEqual(await findCredentials('b.example:5000', env), password('u', 'v'))
    assert.deepEqual(await findCredentials('docker.io', env), { kind: 'identity', token: 'refresh' })
    assert.equal(await findCredentials('b.example', env), undefined)
    assert.equal(await findCredentials('a.example', { DOCKER_CONFIG: join(root, 'none') }), undefined)
  })

  test('helpers come first, and may know nothing', async () => {
    const bin = join(root, 'bin')
    mkdirSync(bin)
    const helper = (name: string, script: string): void => {
      writeFileSync(join(bin, `docker-credential-${name}`), `#!/bin/sh\nread server\n${script}\n`)
      chmodSync(join(bin, `docker-credential-${name}`), 0o755)
    }
    helper(
      'one',
      'echo "{\\"ServerURL\\":\\"$server\\",\\"Username\\":\\"$1-$server\\",\\"Secret\\":\\"s\\"}"',
    )
    helper('none', 'echo credentials not found in native keychain; exit 1')
    helper('broken', 'echo secret-word; exit 3')
    helper('token', `echo '{"Username":"<token>","Secret":"t"}'`)
    const env = {
      ...config({
        auths: { 'none.example': { auth: encode('a:b') } },
        credHelpers: {
          'one.example': 'one',
          'none.example': 'none',
          'broken.example': 'broken',
          'bad.example': '../sh',
        },
        credsStore: 'token',
      }),
      PATH: `${bin}${delimiter}${process.env.PATH}`,
    }
    const path = process.env.PATH
    process.env.PATH = env.PATH
    try {
      assert.deepEqual(await findCredentials('one.example', env), password('get-one.example', 's'))
      assert.deepEqual(await findCredentials('none.example', env), password('a', 'b'))
      assert.deepEqual(await findCredentials('other.example', env), { kind: 'identity', token: 't' })
      await assert.rejects(findCredentials('broken.example', env), (error: Error) => {
        assert.match(error.message, /docker-credential-broken: .*found exit status 3/)
        assert.doesNotMatch(error.message, /secret-word/)
        return true
      })
      await assert.rejects(findCredentials('bad.example', env), { code: 'CREDENTIALS_INVALID' })
    } finally {
      process.env.PATH = path
    }
  })

  test('files that are no configuration', async () => {
    for (const document of ['{', { auths: { x: { auth: 5 } } }, { auths: { x: { auth: encode('none') } } }])
      await assert.rejects(
        findCredentials('x', config(document)),
        { code: 'CREDENTIALS_INVALID' },
        JSON.stringify(document),
      )
  })
})
