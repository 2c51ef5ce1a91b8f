import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { ImageError } from '../../src/errors.js'
import { Clock } from '../../src/registry/clock.js'
import { PATIENCE } from '../../src/registry/patience.js'
import { isLoopback, parseOtherImage, parseReference } from '../../src/registry/reference.js'
import { PassingFailure, retryAfter, retrying } from '../../src/registry/retry.js'
import { parseChallenge } from '../../src/registry/token.js'

test('references', () => {
  const digest = `sha256:${'0'.repeat(64)}` as const
  const cases: Record<string, (string | undefined)[] | undefined> = {
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
    [`localhost:5000/a@${digest}`]: ['localhost:5000', 'a', undefined, digest],
    [`localhost:5000/a:t@${digest}`]: ['localhost:5000', 'a', 't', digest],
    [`busybox@${digest}`]: ['docker.io', 'library/busybox', undefined, digest],
    'localhost:5000/a@sha256:00': undefined,
    'localhost:5000/a@': undefined,
    'localhost:99999/a': undefined,
    [`localhost/${'a'.repeat(256)}`]: undefined,
    'user:secret@registry.example/a': undefined,
    '': undefined,
  }
  for (const [text, expected] of Object.entries(cases)) {
    const [host, repository, tag, digest] = expected ?? []
    assert.deepEqual(parseReference(text), expected && { host, repository, tag, digest }, text)
  }
  for (const host of ['localhost', 'localhost:5000', '127.0.0.1', '127.9.9.9:1', '[::1]:5000'])
    assert.ok(isLoopback(host), host)
  for (const host of ['localhost.example', '128.0.0.1', '10.0.0.1', 'registry.example', '127.0.0.1.example'])
    assert.ok(!isLoopback(host), host)
})

test('images beside another one', () => {
  const here = { host: 'localhost:5000', repository: 'a/b', tag: 'v1', digest: undefined }
  const digest = `sha256:${'0'.repeat(64)}`
  const cases: Record<string, [string, string] | undefined> = {
    v0: ['a/b', 'v0'],
    [digest]: ['a/b', digest],
    'localhost:5000/c:v2': ['c', 'v2'],
    'docker://localhost:5000/c/d': ['c/d', 'latest'],
    [`docker://localhost:5000/c@${digest}`]: ['c', digest],
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

test('challenges', () => {
  const bearer = 'Bearer realm="https://auth.example/token",service="registry",scope="repository:a:pull"'
  const found = parseChallenge(bearer)
  assert.ok(found?.scheme === 'bearer')
  assert.equal(found.realm, 'https://auth.example/token')
  assert.deepEqual([found.service, found.scope], ['registry', 'repository:a:pull'])
  assert.deepEqual(parseChallenge('Basic realm="x"'), { scheme: 'basic' })
  for (const header of [undefined, '', 'Negotiate', 'Bearer'])
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
  const signal = new AbortController().signal
  const options = { patience: { ...PATIENCE, firstWait: 1 }, signal, tell: () => {} }
  let runs = 0
  const busy = async (): Promise<never> => {
    runs++
    throw new PassingFailure(failure, { after: 0 })
  }
  await assert.rejects(retrying(options, busy), failure)
  assert.equal(runs, 6)
  runs = 0
  const late = async (): Promise<never> => {
    runs++
    throw new PassingFailure(failure, { after: 3_600_000 })
  }
  await assert.rejects(
    retrying(options, late),
    /busy; it asks to wait 3600 s, more than the 120 s that are waited/,
  )
  assert.equal(runs, 1)
  await assert.rejects(
    retrying(options, () => Promise.reject(failure)),
    failure,
  )
})

test('a request that is over waits for nothing more', async () => {
  const clock = new Clock(new AbortController().signal, 'GET x')
  clock.close()
  clock.await(1, 'nothing')
  await setTimeout(20)
  assert.equal(clock.ended, undefined)
  assert.equal(clock.signal.aborted, false)
})
