import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { CLI, runCli, writeConf } from '../support/image.js'
import { scratchDirectory } from '../support/scratch.js'

const root = scratchDirectory()
const conf = writeConf(root, {})

function cli(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [CLI, ...args], { encoding: 'utf8', timeout: 60_000 })
}

test('--help and --version go to standard output and succeed', () => {
  const help = cli('--help')
  assert.equal(help.status, 0)
  assert.match(help.stdout, /Usage: stream-layered-image/)
  for (const option of ['--repo_tag', '-j', '--debug', '--version'])
    assert.ok(help.stdout.includes(option), option)
  const { version } = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')) as {
    version: string
  }
  assert.deepEqual([cli('--version').status, cli('--version').stdout], [0, `${version}\n`])
})

test('wrong usage ends with 2 and one line', () => {
  for (const args of [[], ['--nonsense', conf], ['-j', '0', conf], ['-j', 'two', conf], ['-t']]) {
    const run = cli(...args)
    assert.equal(run.status, 2, args.join(' '))
    assert.equal(run.stdout, '')
    assert.match(run.stderr, /^(stream-layered-image: )?error: [^\n]+\n$/, args.join(' '))
  }
})

test('standard output takes one image, which one line and a hint say', () => {
  const run = cli(conf, 'more')
  assert.deepEqual([run.status, run.stdout], [2, ''])
  assert.match(run.stderr, /^[^\n]+found several \[DESTINATION_INVALID\]\n[^\n]+hint: [^\n]+\n$/)
})

test('a failure ends with 1, names the file, and shows no stack', () => {
  const run = cli(join(root, 'nowhere.json'))
  assert.equal(run.status, 1)
  assert.equal(run.stdout, '')
  assert.equal(
    run.stderr,
    `stream-layered-image: error: cannot read the configuration ${root}/nowhere.json: no such file or directory (ENOENT) [CONF_UNREADABLE]\n`,
  )
  assert.match(cli('--debug', join(root, 'nowhere.json')).stderr, /\n {4}at /)
  const { stderr } = spawnSync(process.execPath, [CLI, join(root, 'nowhere.json')], {
    encoding: 'utf8',
    env: { ...process.env, DEBUG: '1' },
  })
  assert.match(stderr, /\n {4}at /)
})

test('an image is not written to a terminal', () => {
  const quoted = [process.execPath, CLI, conf].map((word) => `'${word}'`).join(' ')
  const { stdout, status } = spawnSync('script', ['-qec', quoted, '/dev/null'], {
    encoding: 'utf8',
    timeout: 60_000,
  })
  assert.match(stdout, /an image is not written to a terminal \[OUTPUT_TERMINAL\]/)
  assert.match(stdout, /hint: .*docker load/)
  assert.equal(status, 1)
})

test('honours NIX_BUILD_CORES and works with no writable home', () => {
  const env = { PATH: process.env.PATH, NIX_BUILD_CORES: '1', HOME: '/homeless-shelter', TMPDIR: '/nowhere' }
  assert.equal(runCli(conf, [], { env }).status, 0)
})

test('writes to /dev/null, to a file behind what is there, and to a socket', () => {
  const expected = readFileSync(runCli(conf).output)
  const shell = (script: string): { status: number | null; stdout: Buffer } =>
    spawnSync('sh', ['-c', script, process.execPath, CLI, conf], {
      timeout: 60_000,
      maxBuffer: 1 << 28,
      stdio: ['ignore', 'pipe', 'ignore'],
    })
  assert.equal(shell('"$0" "$@" > /dev/null').status, 0)
  const file = join(root, 'appended')
  writeFileSync(file, 'before')
  assert.equal(shell(`"$0" "$@" >> ${file}`).status, 0)
  assert.deepEqual(readFileSync(file), Buffer.concat([Buffer.from('before'), expected]))
  assert.deepEqual(shell('"$0" "$@" | cat').stdout, expected)
  // Node gives its children sockets for pipes.
  assert.deepEqual(spawnSync(process.execPath, [CLI, conf], { maxBuffer: 1 << 28 }).stdout, expected)
})
