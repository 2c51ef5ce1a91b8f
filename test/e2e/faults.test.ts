/** Outputs that fail, readers that leave or are slow, signals: the command stops in time and says why. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { skipWithout } from '../support/clients.js'
import { CLI, runCli, sha256File, writeConf } from '../support/image.js'
import { isOpen } from '../support/processes.js'
import { scratchDirectory } from '../support/scratch.js'

const root = scratchDirectory()
const store = join(root, 'store')
mkdirSync(store)
const paths = Array.from({ length: 6 }, (_, i) => join(store, `p${i}`))
for (const [i, path] of paths.entries()) writeFileSync(path, Buffer.alloc(8 << 20, i))
const conf = writeConf(root, { store_layers: paths.map((path) => [path]) })
const expected = sha256File(runCli(conf).output)

/** A run that has not ended by then hangs. The promise is two seconds, the rest is for a busy machine. */
const PATIENCE = 10_000

function bash(script: string): { status: number | null; stdout: string; stderr: string } {
  const run = spawnSync('bash', ['-c', script, process.execPath, CLI, conf], {
    encoding: 'utf8',
    timeout: 60_000,
    maxBuffer: 1 << 28,
  })
  assert.equal(run.error, undefined)
  return run
}

describe('a reader that leaves', () => {
  for (const bytes of [0, 100, 10_000_000]) {
    test(`after ${bytes} bytes: status 141 and no message`, () => {
      const { stdout, stderr } = bash(`"$0" "$@" | head -c ${bytes} > /dev/null; echo "\${PIPESTATUS[0]}"`)
      assert.equal(stdout, '141\n')
      assert.match(stderr, /^No 'fromImage' provided\n(Creating layer .*\n)*$/)
    })
  }
  test('when it has the whole image: status 0', () => {
    const whole = readFileSync(`${conf}.ours.tar`).length
    assert.equal(
      bash(`"$0" "$@" 2> /dev/null | head -c ${whole} > /dev/null; echo "\${PIPESTATUS[0]}"`).stdout,
      '0\n',
    )
  })
})

test('a reader that leaves while nothing is written: status 141', async () => {
  const slow = slowConf('left')
  const gate = join(root, 'gate')
  assert.equal(spawnSync('mkfifo', [gate]).status, 0)
  // It can only miss a reader that it saw before: this tells when it looks at a descriptor of another process.
  const preload = join(root, 'seen.cjs')
  const announce = `const fs = require('node:fs'); const { lstatSync } = fs
    fs.lstatSync = (path, ...rest) => {
      const [, pid = process.pid] = /^.proc.(\\d+).fd/.exec(String(path)) ?? []
      const stats = lstatSync(path, ...rest)
      if (Number(pid) !== process.pid) fs.writeSync(2, 'seen')
      return stats
    }`
  writeFileSync(preload, announce)
  // The pipe is made by the shell: a pipe of Node's own would be a socket. Its reader leaves when the gate closes.
  const script = `"$0" "$1" "$2" | cat "$3" > /dev/null; echo "\${PIPESTATUS[0]}"`
  const child = spawn('bash', ['-c', script, process.execPath, CLI, slow, gate], {
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
    env: { ...process.env, NODE_OPTIONS: `--require ${preload}` },
  })
  for await (const chunk of child.stderr) if (String(chunk).includes('seen')) break
  writeFileSync(gate, '')
  const timer = setTimeout(() => process.kill(-child.pid!, 'SIGKILL'), PATIENCE)
  let status = ''
  for await (const chunk of child.stdout) status += chunk
  clearTimeout(timer)
  assert.equal(status, '141\n')
})

/** A configuration whose checksum pass takes minutes: 40 GB that take no room. */
function slowConf(name: string): string {
  const directory = join(root, name)
  mkdirSync(directory)
  assert.equal(spawnSync('truncate', ['-s', '40G', join(directory, 'huge')]).status, 0)
  return writeConf(directory, { store_layers: [[join(directory, 'huge')]] })
}

/** What happens to the thread that begins to hash the layer behind the others, by a module that Node loads first. */
const ACCIDENTS = {
  'that exits': ['process.exit(7)', /its worker thread failed \(checksum\): .*exit/i],
  'that throws what is no Error': [
    "throw 'no Error at all'",
    /layer of .*doomed.*: its worker thread failed \(checksum\): .*no Error at all/,
  ],
  'that runs out of memory': [
    'const hoard = []; for (;;) hoard.push(new Array(1 << 20).fill(hoard.length))',
    /its worker thread failed \(checksum\): .*memory/i,
  ],
} as const

describe('a worker', () => {
  for (const [name, [accident, message]] of Object.entries(ACCIDENTS)) {
    test(`${name} is its layer's failure, and nothing hangs`, () => {
      const preload = join(root, 'accident.cjs')
      writeFileSync(
        preload,
        `const crypto = require('node:crypto'); const { createHash } = crypto; let count = 0
         const doomed = () => { if (++count > ${paths.length + 1}) { ${accident} } }
         if (!require('node:worker_threads').isMainThread)
           crypto.createHash = (...args) => { doomed(); return createHash(...args) }`,
      )
      // Behind one that is not small, all layers are for the thread.
      const [large, doomed] = [join(store, 'large'), join(store, 'doomed')]
      assert.equal(spawnSync('truncate', ['-s', '16M', large]).status, 0)
      writeFileSync(doomed, 'x')
      const all = writeConf(root, { store_layers: [large, ...paths, doomed].map((path) => [path]) })
      const run = spawnSync(process.execPath, [CLI, all, '-j', '1'], {
        encoding: 'utf8',
        env: { ...process.env, NODE_OPTIONS: `--require ${preload} --max-old-space-size=64` },
        timeout: 60_000,
        maxBuffer: 1 << 28,
      })
      assert.equal(run.status, 1, run.stderr)
      assert.match(run.stderr, message)
      assert.match(run.stderr, /\[WORKER_FAILED\]\n$/)
      assert.match(run.stderr, /doomed/)
      writeConf(root, { store_layers: paths.map((path) => [path]) })
    })
  }
})

/** Starts the command with nobody reading its output and waits until the first layer is on its way. */
async function startStuck(): Promise<{
  child: ChildProcess
  exited: Promise<[number | null, NodeJS.Signals | null]>
}> {
  const child = spawn(process.execPath, [CLI, conf], { stdio: ['ignore', 'pipe', 'pipe'] })
  const exited = new Promise<[number | null, NodeJS.Signals | null]>((resolve) =>
    child.once('exit', (code, signal) => resolve([code, signal])),
  )
  await new Promise((resolve) => child.stdout.once('readable', resolve))
  return { child, exited }
}

describe('signals', () => {
  for (const [signal, status] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    test(`${signal} ends it with ${status} while nobody reads`, async () => {
      const { child, exited } = await startStuck()
      child.kill(signal)
      const timer = setTimeout(() => child.kill('SIGKILL'), PATIENCE)
      assert.deepEqual(await exited, [status, null])
      clearTimeout(timer)
    })
    test(`${signal} ends it with ${status} in the middle of a checksum pass`, async () => {
      const slow = slowConf(`busy-${signal}`)
      const child = spawn(process.execPath, [CLI, slow], { stdio: 'ignore' })
      const exited = new Promise((resolve) => child.once('exit', (code) => resolve(code)))
      await isOpen(child, /\/huge$/)
      child.kill(signal)
      const timer = setTimeout(() => child.kill('SIGKILL'), PATIENCE)
      assert.equal(await exited, status)
      clearTimeout(timer)
    })
  }
})

describe('outputs that fail', () => {
  test('a full device', () => {
    const { stdout, stderr } = bash('"$0" "$@" > /dev/full; echo $?')
    assert.equal(stdout, '1\n')
    assert.match(stderr, /error: cannot write the output: .*ENOSPC.* \[OUTPUT_FAILED\]\n.*hint: make room/)
    assert.doesNotMatch(stderr, /\n {4}at /)
  })

  test('a small file system that fills up', { skip: skipWithout('mount') }, () => {
    const disk = join(root, 'disk')
    mkdirSync(disk)
    assert.equal(spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=12m', 'tmpfs', disk]).status, 0)
    try {
      const { stdout, stderr } = bash(`"$0" "$@" > ${disk}/image.tar; echo $?`)
      assert.equal(stdout, '1\n')
      assert.match(stderr, /\[OUTPUT_FAILED\]/)
    } finally {
      spawnSync('umount', [disk])
    }
  })

  test('a closed standard error loses only messages', () => {
    bash(`"$0" "$@" 2>&- > ${root}/quiet.tar`)
    assert.equal(sha256File(join(root, 'quiet.tar')), expected)
  })

  test('a closed standard output is /dev/null to Node; nothing hangs', () => {
    assert.equal(bash('"$0" "$@" 2> /dev/null >&-; echo $? >&2').stderr.trim(), '0')
  })

  test('a reader of standard error that leaves', () => {
    bash(`{ "$0" "$@" > ${root}/unheard.tar; } 2>&1 | true`)
    assert.equal(sha256File(join(root, 'unheard.tar')), expected)
  })
})

describe('outputs that take their time', () => {
  test('a pipe that someone made non-blocking, with a slow reader', () => {
    const script = `
import fcntl, hashlib, os, subprocess, sys, time
r, w = os.pipe()
fcntl.fcntl(w, fcntl.F_SETFL, os.O_NONBLOCK)
child = subprocess.Popen(sys.argv[1:], stdout=w, stderr=subprocess.DEVNULL)
os.close(w)
digest = hashlib.sha256()
while data := os.read(r, 1 << 20):
    digest.update(data)
    time.sleep(0.0005)
print(digest.hexdigest(), child.wait())
`
    const { stdout } = spawnSync('python3', ['-c', script, process.execPath, CLI, conf], { encoding: 'utf8' })
    assert.equal(stdout, `${expected} 0\n`)
  })

  test('a socket', () => {
    const script = `
import hashlib, socket, subprocess, sys
ours, theirs = socket.socketpair()
child = subprocess.Popen(sys.argv[1:], stdout=theirs, stderr=subprocess.DEVNULL)
theirs.close()
digest = hashlib.sha256()
while data := ours.recv(1 << 16):
    digest.update(data)
print(digest.hexdigest(), child.wait())
`
    const { stdout } = spawnSync('python3', ['-c', script, process.execPath, CLI, conf], { encoding: 'utf8' })
    assert.equal(stdout, `${expected} 0\n`)
  })
})

test('leaves no temporary files', () => {
  const temporary = join(root, 'temporary')
  mkdirSync(temporary)
  bash(`TMPDIR=${temporary} "$0" "$@" 2> /dev/null > /dev/null`)
  bash(`TMPDIR=${temporary} "$0" "$@" 2> /dev/null | head -c 100 > /dev/null`)
  assert.deepEqual(readdirSync(temporary), [])
})
