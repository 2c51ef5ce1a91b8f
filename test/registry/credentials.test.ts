/** Who to be where: files in the order of podman, keys by path, and helpers that misbehave. */
import assert from 'node:assert/strict'
import { chmodSync, closeSync, existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { Bounds } from '../../src/programs/ask.js'
import { CredentialFinder, type Credentials } from '../../src/registry/credentials.js'
import { runHelper } from '../../src/registry/helper.js'
import { command } from '../support/clients.js'
import { scratchDirectory } from '../support/scratch.js'

const root = scratchDirectory()
const never = new AbortController().signal
const encode = (text: string): string => Buffer.from(text).toString('base64')
const password = (username: string, word: string): Credentials => ({
  kind: 'password',
  username,
  password: word,
})
const find = (
  name: string,
  environment: NodeJS.ProcessEnv,
  signal = never,
): Promise<Credentials | undefined> => {
  const [, host = '', repository = 'app'] = /^([^/]*)\/?(.*)$/.exec(name) ?? []
  return new CredentialFinder(host, signal, { HOME: '/nonexistent', ...environment }).find(
    repository === '' ? 'app' : repository,
  )
}

let count = 0
const file = (document: unknown, ...names: string[]): string => {
  const path = join(root, String(count++), ...names)
  mkdirSync(join(path, '..'), { recursive: true })
  writeFileSync(path, typeof document === 'string' ? document : JSON.stringify(document))
  return path
}
const config = (document: unknown): NodeJS.ProcessEnv => ({
  DOCKER_CONFIG: join(file(document, 'config.json'), '..'),
  XDG_RUNTIME_DIR: '/nonexistent',
})
const auths = (entries: Record<string, string>): unknown => ({
  auths: Object.fromEntries(Object.entries(entries).map(([key, auth]) => [key, { auth: encode(auth) }])),
})

describe('keys', () => {
  test('a host in all its spellings', async () => {
    const env = config({
      auths: {
        'https://a.example/v1/': { auth: encode('me:p:w') },
        'b.example:5000': { username: 'u', password: 'v' },
        'https://index.docker.io/v1/': { identitytoken: 'refresh' },
      },
    })
    assert.deepEqual(await find('a.example', env), password('me', 'p:w'))
    assert.deepEqual(await find('b.example:5000', env), password('u', 'v'))
    assert.deepEqual(await find('docker.io', env), { kind: 'identity', token: 'refresh' })
    assert.equal(await find('b.example', env), undefined)
    assert.equal(await find('a.example', { DOCKER_CONFIG: join(root, 'none') }), undefined)
  })

  for (const key of [
    'docker.io',
    'index.docker.io',
    'registry-1.docker.io',
    'https://index.docker.io/v1/',
    'docker.io/library',
    'docker.io/library/app',
  ])
    test(`Docker Hub as ${key}`, async () => {
      const env = config(auths({ [key]: 'hub:word', 'example.org': 'other:word' }))
      assert.deepEqual(await find('docker.io/library/app', env), password('hub', 'word'))
    })

  test('the longest that begins the repository, by components', async () => {
    const env = config(
      auths({
        'r.example/other-team': 'other:w',
        'r.example/team/app': 'exact:w',
        'r.example/team': 'team:w',
        'r.example': 'host:w',
        'alone.example/team': 'alone:w',
        'https://url.example/v2/': 'url:w',
      }),
    )
    const expected: Record<string, string | undefined> = {
      'r.example/team/app': 'exact',
      'r.example/team/app/sub': 'exact',
      'r.example/team/apple': 'team',
      'r.example/teams/app': 'host',
      'r.example/app': 'host',
      'r.example/other-team/x': 'other',
      'alone.example/app': undefined,
      'alone.example/team/app': 'alone',
      'url.example/any/app': 'url',
    }
    for (const [name, user] of Object.entries(expected))
      assert.deepEqual(await find(name, env), user === undefined ? undefined : password(user, 'w'), name)
  })

  test('an entry without a secret knows nothing', async () => {
    assert.equal(await find('r.example', config({ auths: { 'r.example': {} } })), undefined)
    assert.equal(await find('r.example', config({ auths: null })), undefined)
  })
})

test('files, in order; one that does not know the repository is passed over', async () => {
  const document = (user: string, ...hosts: string[]): unknown =>
    auths(Object.fromEntries(hosts.map((host) => [host, `${user}:w`])))
  const env = {
    REGISTRY_AUTH_FILE: file(document('named', 'a'), 'named.json'),
    XDG_RUNTIME_DIR: join(file(document('runtime', 'a', 'b'), 'run', 'containers', 'auth.json'), '..', '..'),
    XDG_CONFIG_HOME: join(file(document('xdg', 'a', 'b', 'c'), 'etc', 'containers', 'auth.json'), '..', '..'),
    DOCKER_CONFIG: join(file(document('docker', 'a', 'b', 'c', 'd'), 'config.json'), '..'),
  }
  const user = async (host: string, environment: NodeJS.ProcessEnv): Promise<string | undefined> => {
    const found = await find(host, environment)
    return found?.kind === 'password' ? found.username : undefined
  }
  const users = (environment: NodeJS.ProcessEnv): Promise<(string | undefined)[]> =>
    Promise.all(['a', 'b', 'c', 'd', 'e'].map((host) => user(host, environment)))
  assert.deepEqual(await users(env), ['named', 'xdg', 'xdg', 'docker', undefined])
  const { REGISTRY_AUTH_FILE: _, ...unnamed } = env
  assert.deepEqual(await users(unnamed), ['runtime', 'runtime', 'xdg', 'docker', undefined])
  const HOME = join(
    file(document('home', 'a'), 'home', '.config', 'containers', 'auth.json'),
    '..',
    '..',
    '..',
  )
  writeFileSync(
    join(mkdir(HOME, '.docker'), 'config.json'),
    JSON.stringify(document('home-docker', 'a', 'b')),
  )
  assert.deepEqual(await users({ HOME, XDG_RUNTIME_DIR: '/nonexistent' }), [
    'home',
    'home-docker',
    undefined,
    undefined,
    undefined,
  ])
})

function mkdir(...names: string[]): string {
  const path = join(...names)
  mkdirSync(path)
  return path
}

test('a file that is a pipe without a writer does not outlast the signal', async () => {
  const pipe = join(root, 'pipe')
  command('mkfifo', [pipe])
  const abortion = new AbortController()
  const found = find('x', { REGISTRY_AUTH_FILE: pipe }, abortion.signal)
  abortion.abort()
  await assert.rejects(found, { code: 'ABORTED' })
  // Lets go of the thread that waits to open it.
  closeSync(openSync(pipe, 'r+'))
})

test('files that are no configuration', async () => {
  for (const document of ['{', { auths: { x: { auth: 5 } } }, { auths: { x: { auth: encode('none') } } }])
    await assert.rejects(
      find('x', config(document)),
      { code: 'CREDENTIALS_INVALID' },
      JSON.stringify(document),
    )
})

describe('helpers', () => {
  const bin = join(root, 'bin')
  const path = process.env.PATH
  before(() => {
    mkdirSync(bin)
    process.env.PATH = `${bin}${delimiter}${path}`
  })
  after(() => {
    process.env.PATH = path
  })
  const helper = (name: string, script: string): string => {
    const program = join(bin, `docker-credential-${name}`)
    writeFileSync(program, `#!/bin/sh\nread server\n${script}\n`)
    chmodSync(program, 0o755)
    return `docker-credential-${name}`
  }
  const bounds: Bounds = { answer: 60_000, grace: 200, output: 1 << 20 }
  const reply = `echo '{"Username":"u","Secret":"s"}'`

  test('come first, may know nothing, and are asked once for all repositories', async () => {
    const calls = join(root, 'calls')
    helper(
      'one',
      `echo call >> ${calls}; echo "{\\"ServerURL\\":\\"$server\\",\\"Username\\":\\"$1-$server\\",\\"Secret\\":\\"s\\"}"`,
    )
    helper('none', 'echo credentials not found in native keychain; exit 1')
    helper('broken', 'echo secret-word; exit 3')
    helper('token', `echo '{"Username":"<token>","Secret":"t"}'`)
    const env = config({
      auths: { 'none.example': { auth: encode('a:b') } },
      credHelpers: {
        'one.example': 'one',
        'none.example': 'none',
        'broken.example': 'broken',
        'bad.example': '../sh',
      },
      credsStore: 'token',
    })
    const finder = new CredentialFinder('one.example', never, { HOME: '/nonexistent', ...env })
    for (const repository of ['a', 'b'])
      assert.deepEqual(await finder.find(repository), password('get-one.example', 's'))
    assert.equal(readFileSync(calls, 'utf8'), 'call\n')
    assert.deepEqual(await find('none.example', env), password('a', 'b'))
    assert.deepEqual(await find('other.example', env), { kind: 'identity', token: 't' })
    await assert.rejects(find('broken.example', env), (error: Error) => {
      assert.match(error.message, /docker-credential-broken: .*found exit status 3/)
      assert.doesNotMatch(error.message, /secret-word/)
      return true
    })
    await assert.rejects(find('bad.example', env), { code: 'CREDENTIALS_INVALID' })
  })

  /** What was killed is gone, at the latest when the kernel has come to it. */
  const assertGone = async (pid: number): Promise<void> => {
    const isThere = (): boolean => {
      try {
        return !/\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
      } catch {
        return false
      }
    }
    const start = performance.now()
    while (isThere()) {
      assert.ok(performance.now() - start < 10_000, `process ${pid} is left`)
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
  const pidIn = (name: string): number => Number(readFileSync(join(root, name), 'utf8'))

  test('one that ignores SIGTERM is killed after a grace, with its children', async () => {
    const program = helper(
      'deaf',
      `trap '' TERM; sleep 1000 & echo $! > ${join(root, 'deaf')}; while :; do sleep 1000; done`,
    )
    await assert.rejects(runHelper(program, 'x\n', never, { ...bounds, answer: 2000 }), {
      code: 'CREDENTIALS_INVALID',
      message: /expected an answer within 2 s, found none/,
    })
    await assertGone(pidIn('deaf'))
  })

  test('a child that keeps its output open does not hold the answer back', async () => {
    const program = helper('parent', `sleep 1000 & echo $! > ${join(root, 'child')}; ${reply}`)
    const { status, output } = await runHelper(program, 'x\n', never, bounds)
    assert.equal(status, 0)
    assert.match(output, /"Secret":"s"/)
    await assertGone(pidIn('child'))
  })

  test('a child in a session of its own does not either', async () => {
    const program = helper('daemon', `setsid sleep 1000 & echo $! > ${join(root, 'session')}; ${reply}`)
    const { status } = await runHelper(program, 'x\n', never, bounds)
    assert.equal(status, 0)
    process.kill(pidIn('session'), 'SIGKILL')
  })

  test('output without end is bounded', async () => {
    const program = helper('chatty', `trap '' TERM; exec yes secret-word`)
    await assert.rejects(runHelper(program, 'x\n', never, bounds), (error: Error) => {
      assert.match(error.message, /expected at most 1048576 bytes, found more/)
      assert.doesNotMatch(error.message, /secret-word/)
      return true
    })
    assert.ok(process.memoryUsage().rss < 400 << 20)
  })

  test('the signal ends it, and nothing of it is left', async () => {
    const started = join(root, 'started')
    const program = helper(
      'slow',
      `trap '' TERM; sleep 1000 & echo $! > ${started}.tmp; mv ${started}.tmp ${started}; wait; sleep 1000`,
    )
    const abortion = new AbortController()
    const watch = setInterval(() => {
      if (existsSync(started)) abortion.abort()
    }, 20)
    await assert.rejects(runHelper(program, 'x\n', abortion.signal, bounds), { code: 'ABORTED' })
    clearInterval(watch)
    await assertGone(pidIn('started'))
    await assert.rejects(runHelper(program, 'x\n', abortion.signal, bounds), { code: 'ABORTED' })
  })

  test('one that is not there', async () => {
    await assert.rejects(runHelper('docker-credential-nobody', 'x', never, bounds), {
      code: 'CREDENTIALS_INVALID',
      message: /docker-credential-nobody: it cannot be run: no such file/,
    })
  })
})
