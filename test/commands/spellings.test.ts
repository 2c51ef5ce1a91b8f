/** What fingers know from other tools: the same options under other names, and hints for the rest. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { hintFor } from '../../src/commands/foreign-options.js'
import { readImage } from '../support/archive.js'
import { command, skipWithout } from '../support/clients.js'
import { CLI, runTo, writeConf } from '../support/image.js'
import { type Registry, startRegistry } from '../support/registry.js'
import { scratchDirectory } from '../support/scratch.js'

const root = scratchDirectory()
const conf = writeConf(root, { repo_tag: 'of:conf' })

interface Ran {
  status: number | null
  stdout: string
  stderr: string
}

function cli(args: readonly string[], more: { env?: NodeJS.ProcessEnv; input?: string } = {}): Ran {
  const env = { PATH: process.env.PATH, HOME: root, XDG_RUNTIME_DIR: join(root, 'none'), ...more.env }
  return spawnSync(process.execPath, [CLI, ...args], {
    ...{ encoding: 'utf8', timeout: 60_000, cwd: root, env },
    input: more.input ?? '',
  })
}

function succeeds(args: readonly string[], more: Parameters<typeof cli>[1] = {}): Ran {
  const ran = cli(args, more)
  assert.equal(ran.status, 0, ran.stderr)
  return ran
}

describe('one meaning under several names', () => {
  for (const form of ['--tag a:b', '--tag=a:b', '--repo_tag x:y --tag a:b', '--tag x:y --repo_t a:b'])
    test(form, async () => {
      const run = runTo(`${conf}.tar`, process.execPath, [CLI, conf, ...form.split(' ')])
      assert.equal(run.status, 0, run.stderr)
      assert.ok((await readImage(run.output)).manifest[0]!.RepoTags.includes('a:b'))
    })

  test('beginnings of the script’s own option stay its own', async () => {
    for (const form of ['--r', '--re', '--rep', '--repo', '--repo_', '--repo_t', '--repo_ta']) {
      const run = runTo(`${conf}.tar`, process.execPath, [CLI, conf, form, 'a:b'])
      assert.equal(run.status, 0, run.stderr)
      assert.deepEqual((await readImage(run.output)).manifest[0]!.RepoTags, ['a:b'])
    }
  })

  test('--digestfile', () => {
    const found = ['--digest-file', '--digestfile'].map((option) => {
      const file = join(root, option)
      succeeds([conf, '-o', `oci:layout${option}`, option, file])
      return readFileSync(file, 'utf8')
    })
    assert.equal(found[0], found[1])
    assert.match(found[0]!, /^sha256:[0-9a-f]{64}\n?$/)
  })

  test('verbs take them too', () => {
    succeeds(['copy', 'oci:layout--digest-file', '-o', 'oci:copied', '--digestfile=copied.txt'])
    assert.ok(existsSync(join(root, 'copied.txt')))
  })
})

const skip = skipWithout('docker-registry', 'openssl', 'htpasswd', 'skopeo', 'podman')
const none: Registry = { host: '', ca: '' }
const secure = skip ? none : await startRegistry(join(root, 'secure'), { tls: true })
const plain = skip ? none : await startRegistry(join(root, 'plain'))
const mine = skip ? none : await startRegistry(join(root, 'mine'), { login: 'me:word' })
const login = ['login', '--tls-verify=false', '-u', 'me', '-p', 'word', mine.host]
const password = 'pass:word'

describe('registries', { skip }, () => {
  test('a certificate that nobody signed is taken with --tls-verify=false and --insecure alone', () => {
    for (const option of ['--tls-verify=false', '--insecure'])
      succeeds([conf, '-o', `docker://${secure.host}/app:${option.length}`, option])
    for (const options of [[], ['--tls-verify'], ['--insecure', '--tls-verify=true']]) {
      const { status, stderr } = cli([conf, '-o', `docker://${secure.host}/app:no`, ...options])
      assert.equal(status, 1)
      assert.match(stderr, /certificate is not trusted .*\n.*hint: .*--tls-verify=false/)
    }
    succeeds([conf, '-o', `docker://${secure.host}/app:yes`, '--tls-verify', '--tls-ca', secure.ca])
  })

  test('where no TLS is spoken HTTP is taken, also of another machine', () => {
    const elsewhere = plain.host.replace('127.0.0.1', '0.0.0.0')
    for (const option of ['--tls-verify=false', '--insecure', '--plain-http'])
      succeeds([conf, '-o', `docker://${elsewhere}/app:${option.length}`, option])
  })

  test('--creds is read from a file or standard input', () => {
    writeFileSync(join(root, 'creds'), 'me:word\n')
    const there = `docker://${mine.host}/app:1`
    assert.equal(cli([conf, '-o', there]).status, 1)
    succeeds([conf, '-o', there, '--creds', '@creds'])
    succeeds([conf, '-o', there, '--creds', '-'], { input: 'me:word' })
    succeeds(['copy', there, '-o', 'oci:fetched', '--creds=@creds'])
    assert.match(cli([conf, '-o', there, '--creds', '-'], { input: 'me:wrong' }).stderr, /REGISTRY_DENIED/)
  })

  test('--creds is for one registry, and no literal', () => {
    const there = `docker://${mine.host}/app:1`
    const wrong: [string[], RegExp][] = [
      [[conf, '-o', there, '--creds', `me:${password}`], /expected @FILE or -.*\n.*hint: .*@FILE/],
      [[conf, '-o', 'x.tar', '--creds', '@creds'], /expected one registry, found 0/],
      [['copy', there, '-o', `docker://${plain.host}/x`, '--creds', '@creds'], /found 2 .*\n.*--authfile/],
      [['-', '-o', there, '--creds', '-'], /standard input is the configuration already/],
    ]
    for (const [args, message] of wrong) {
      const { status, stderr } = cli(args)
      assert.equal(status, 2, stderr)
      assert.match(stderr, message)
      assert.doesNotMatch(stderr, /pass:word/)
    }
    const none = cli([conf, '-o', there, '--creds', '@none'])
    assert.match(none.stderr, /--creds @none: no such file or directory .*\[CREDENTIALS_INVALID\]/)
    writeFileSync(join(root, 'bad'), password.replace(':', '-'))
    const bad = cli([conf, '-o', there, '--creds', '@bad'])
    assert.match(bad.stderr, /expected one line of user:password \[CREDENTIALS_INVALID\]/)
    assert.doesNotMatch(bad.stderr, /pass-word/)
  })

  test('logins of skopeo and podman are found where they are kept', () => {
    const there = `docker://${mine.host}/app:2`
    const places: [string, NodeJS.ProcessEnv][] = [
      ['skopeo', { XDG_RUNTIME_DIR: join(root, 'runtime') }],
      ['podman', { XDG_RUNTIME_DIR: join(root, 'runtime-2') }],
      ['skopeo', { REGISTRY_AUTH_FILE: join(root, 'named.json') }],
    ]
    for (const [program, env] of places) {
      if (env.XDG_RUNTIME_DIR !== undefined) mkdirSync(env.XDG_RUNTIME_DIR, { mode: 0o700 })
      command(program, login, { env: { ...process.env, HOME: root, ...env } })
      succeeds([conf, '-o', there], { env })
    }
    // What a login wrote is found in the other places too.
    const kept = readFileSync(join(root, 'runtime/containers/auth.json'))
    for (const file of ['.config/containers/auth.json', '.docker/config.json']) {
      const home = join(root, file.slice(0, 7))
      mkdirSync(join(home, file, '..'), { recursive: true })
      writeFileSync(join(home, file), kept)
      succeeds([conf, '-o', there], { env: { HOME: home } })
    }
  })

  test('--authfile is the one file that is looked at', () => {
    const there = `docker://${mine.host}/app:3`
    command('skopeo', [...login, '--authfile', join(root, 'auth.json')])
    succeeds([conf, '-o', there, '--authfile', 'auth.json'])
    writeFileSync(join(root, 'empty.json'), '{}')
    const env = { REGISTRY_AUTH_FILE: join(root, 'auth.json') }
    assert.match(cli([conf, '-o', there, '--authfile', 'empty.json'], { env }).stderr, /REGISTRY_DENIED/)
    const none = cli([conf, '-o', there, '--authfile', 'none.json'], { env })
    assert.match(none.stderr, /cannot read none.json: no such file .*CREDENTIALS_INVALID/)
  })
})

describe('how much is said', () => {
  test('-q says nothing that is no warning, in whatever way the image goes', () => {
    const warned = writeConf(scratchDirectory(), { repo_tag: 'Not:A:Tag' })
    for (const form of ['-q', '--quiet']) {
      assert.equal(succeeds([conf, form, '-o', 'quiet.tar']).stderr, '')
      assert.equal(runTo(join(root, 'piped.tar'), process.execPath, [CLI, conf, form]).stderr, '')
      const { stderr } = runTo(join(root, 'piped.tar'), process.execPath, [CLI, warned, form])
      assert.match(stderr, /^stream-layered-image: warning: [^\n]+\n$/)
      assert.match(cli([join(root, 'nowhere'), form]).stderr, /\[CONF_UNREADABLE\]/)
    }
  })
})

describe('foreign spellings are told the right one', () => {
  const options: [string, string][] = [
    ['--dest-tls-verify=false', '--tls-verify'],
    ['--src-tls-verify', '--tls-verify'],
    ['--tls-verify=maybe', '--tls-verify=true or --tls-verify=false'],
    ['--dest-creds=me:secret', '--creds @FILE'],
    ['--dest-authfile', '--authfile'],
    ['--cert-dir', '--tls-ca'],
    ['--compression-format', '--compress'],
    ['--push', '-o docker://'],
  ]
  for (const [option, ours] of options)
    test(option, () => {
      const { status, stderr } = cli([conf, option])
      assert.equal(status, 2)
      assert.match(stderr, /^error: unknown option '--[a-z-]+'\nstream-layered-image: hint: [^\n]+\n$/)
      assert.ok(stderr.includes(`in place of ${option.split('=')[0]}: ${ours}`), stderr)
      assert.doesNotMatch(stderr, /secret/)
    })

  test('an option that nobody has gets none', () => {
    assert.equal(hintFor("error: unknown option '--nonsense'"), undefined)
  })

  const destinations: [string, string][] = [
    ['docker-daemon', 'docker-daemon:[NAME[:TAG]]'],
    ['oci', 'oci:DIR[:TAG]'],
    ['dir:layers', 'oci:DIR'],
    ['127.0.0.1:5000/foo:1', 'docker://127.0.0.1:5000/foo:1'],
    ['localhost:5000/foo', 'docker://localhost:5000/foo'],
    ['registry.example/foo', 'docker://registry.example/foo'],
    ['docker:registry.example/foo', 'docker://registry.example/foo'],
    ['podman:foo', 'containers-storage:[NAME[:TAG]]'],
  ]
  for (const [name, ours] of destinations)
    test(name, () => {
      const { status, stderr } = cli([conf, '-o', name])
      assert.equal(status, 2, stderr)
      assert.ok(stderr.includes(`hint: here it is ${ours}`), stderr)
      assert.equal(existsSync(join(root, name)), false)
    })

  test('a file of such a name is one all the same, below ./ or in a directory that is there', () => {
    mkdirSync(join(root, 'out.example'))
    for (const name of ['./oci', 'out.example/foo', 'image.example']) {
      succeeds([conf, '-o', name])
      assert.ok(existsSync(join(root, name)))
    }
  })
})
