/** What Nix is asked about store paths, and what becomes of a Nix that does not answer. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { isProvenBy, narKey } from '../../src/cache/layer-keys.js'
import { queryNarHashes } from '../../src/cache/nar-hashes.js'
import { command, skipWithout } from '../support/clients.js'
import { writeConf } from '../support/image.js'
import { startCli } from '../support/run-async.js'
import { scratchDirectory } from '../support/scratch.js'

const root = scratchDirectory()
const owner = { mtime: 1, uid: 0n, gid: 0n, uname: 'root', gname: 'root' }
const NAME = `${'0'.repeat(32)}-name`

/** Puts a `nix-store` before all others on PATH; its shell script runs in a directory of its own. */
function fakeNixStore(name: string, script: string): string {
  const directory = join(root, name)
  mkdirSync(directory)
  const path = join(directory, 'nix-store')
  writeFileSync(path, `#!/bin/sh\ncd ${directory}\n${script}\n`)
  chmodSync(path, 0o755)
  process.env.PATH = `${directory}:${PATH}`
  return directory
}
const { PATH } = process.env
after(() => {
  process.env.PATH = PATH
})

/** Resolves when the file is there and not empty. */
async function written(file: string): Promise<string> {
  while (!existsSync(file) || readFileSync(file, 'utf8') === '') await new Promise(setImmediate)
  return readFileSync(file, 'utf8').trim()
}

function isRunning(pid: string): boolean {
  try {
    return !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ')
  } catch {
    return false
  }
}

/** Fails, and ends it, when it has not ended after half a minute. */
async function ended(pid: string): Promise<void> {
  const giveUp = Date.now() + 30_000
  while (isRunning(pid) && Date.now() < giveUp) await new Promise(setImmediate)
  if (!isRunning(pid)) return
  process.kill(Number(pid), 'SIGKILL')
  assert.fail(`process ${pid} was left running`)
}

describe('the real store', { skip: skipWithout('nix-store') }, () => {
  test('tells the hashes of its own valid paths, whatever else is asked for', async () => {
    const file = join(root, 'stored')
    writeFileSync(file, 'stored', { mode: 0o444 })
    const path = command('nix-store', ['--add', file])
    const hash = command('nix-store', ['--query', '--hash', path])
    const link = join(root, 'link')
    symlinkSync(path, link)
    const linkedName = join(root, NAME)
    symlinkSync(path, linkedName)
    const invalid = `/nix/store/${NAME}`
    const found = await queryNarHashes([
      path,
      invalid,
      link,
      linkedName,
      `${path}/`,
      `${path}/.`,
      `/nix/store/../store/${path.slice(11)}`,
      `/nix//store/${path.slice(11)}`,
      '/nix/store',
      '/nix/store/.links',
      '--version',
      '',
      file,
      path,
    ])
    assert.deepEqual([...found], [[path, hash]])
    assert.deepEqual([...(await queryNarHashes([invalid]))], [])
    assert.deepEqual([...(await queryNarHashes([]))], [])
    // A key needs the hashes of all paths of its layer.
    const key = narKey([path], found, owner)!
    assert.equal(narKey([path, invalid], found, owner), undefined)
    assert.ok(isProvenBy(key, [hash]))
    for (const other of [undefined, [], [undefined], [hash.replace(/.$/, '')], [hash, hash]])
      assert.ok(!isProvenBy(key, other))
  })
})

test('many paths are asked for in several calls', async () => {
  const directory = fakeNixStore(
    'many',
    `echo >> calls; shift 2; for path; do echo sha256:${'0'.repeat(52)}; done`,
  )
  const name = 'n'.repeat(200)
  const paths = Array.from({ length: 6000 }, (_, i) => `/s/${String(i).padStart(32, '0')}-${name}`)
  assert.equal((await queryNarHashes(paths, '/s')).size, paths.length)
  assert.equal(readFileSync(join(directory, 'calls'), 'utf8').length, 3)
})

test('a Nix that is not there, fails, or says something else tells nothing', async () => {
  for (const [name, script] of [
    ['fails', 'exit 1'],
    ['silent', 'exit 0'],
    ['chatty', `echo hello; echo sha256:${'0'.repeat(52)}`],
    ['other', `echo sha256:${'0'.repeat(51)}`],
    ['sha512', `echo sha512:${'0'.repeat(52)}`],
    ['killed', 'kill -9 $$'],
  ] as const) {
    fakeNixStore(name, script)
    assert.equal((await queryNarHashes([`/nix/store/${NAME}`])).size, 0, name)
  }
  process.env.PATH = '/nowhere'
  assert.equal((await queryNarHashes([`/nix/store/${NAME}`])).size, 0)
})

test('output without end is given up, with what prints it', async () => {
  const directory = fakeNixStore('endless', 'echo $$ > pid; trap "" TERM; yes sha256:0 & wait; sleep 100')
  assert.equal((await queryNarHashes([`/nix/store/${NAME}`])).size, 0)
  await ended(await written(join(directory, 'pid')))
})

test('when the signal fires it is ended, with what it started, even when it ignores SIGTERM', async () => {
  const script = 'trap "" TERM; sh -c \'trap "" TERM; echo $$ > child; sleep 100\' & echo $$ > pid; wait'
  const directory = fakeNixStore('stubborn', script)
  const stop = new AbortController()
  const hashes = queryNarHashes([`/nix/store/${NAME}`], undefined, stop.signal)
  const pids = [await written(join(directory, 'pid')), await written(join(directory, 'child'))]
  stop.abort()
  assert.equal((await hashes).size, 0)
  for (const pid of pids) await ended(pid)
  assert.equal((await queryNarHashes([`/nix/store/${NAME}`], undefined, AbortSignal.abort())).size, 0)
})

test('a process that ends does not leave it behind', async () => {
  const directory = fakeNixStore('left', 'trap "" TERM; echo $$ > pid; sleep 100')
  const module = new URL('../../src/cache/nar-hashes.js', import.meta.url).href
  const script = `import('${module}').then((m) => m.queryNarHashes(['/nix/store/${NAME}']));
    process.stdin.on('data', () => process.exit(0))`
  const child = spawn(process.execPath, ['-e', script], { stdio: ['pipe', 'ignore', 'inherit'] })
  const pid = await written(join(directory, 'pid'))
  child.stdin.write('end')
  await once(child, 'exit')
  await ended(pid)
})

test('a build that is ended by SIGTERM ends it too', async () => {
  const directory = fakeNixStore('terminated', 'trap "" TERM; echo $$ > pid; sleep 100')
  const conf = writeConf(directory, { store_dir: '/nix/store', store_layers: [[`/nix/store/${NAME}`]] })
  const { child, ended: exited } = startCli([conf, '--cache', join(directory, 'cache'), '-o', '/dev/null'])
  const pid = await written(join(directory, 'pid'))
  child.kill('SIGTERM')
  assert.equal((await exited).status, 143)
  await ended(pid)
})
