/** The command when it is stopped, when a file system fails, and when its destination is a pipe or a device. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  watch,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { VERIFIED } from '../../src/blob-stores/verified-blobs.js'
import { command, skipWithout } from '../support/clients.js'
import { CLI, runCli, sha256File, writeConf } from '../support/image.js'
import { resultOf, runAsync, startCli } from '../support/run-async.js'
import { directoriesIn, scratchDirectory } from '../support/scratch.js'

const root = scratchDirectory()
const store = join(root, 'store')
mkdirSync(store)
const paths = Array.from({ length: 4 }, (_, i) => join(store, `p${i}`))
for (const [i, path] of paths.entries()) writeFileSync(path, Buffer.alloc(200_000 * (i + 1), `${i}-`))
const conf = writeConf(root, { store_layers: paths.map((path) => [path]) })
const directory = directoriesIn(root)

/** A configuration with one file of so many bytes, that take no room. */
function sparseConf(size: string): string {
  const place = directory()
  command('truncate', ['-s', size, join(place, 'huge')])
  return writeConf(place, { store_layers: [[join(place, 'huge')]] })
}

/** Resolves when a directory has an entry that fits. */
async function entry(path: string, fits: (name: string) => boolean): Promise<void> {
  const watcher = watch(path)
  try {
    await new Promise<void>((resolve) => {
      const look = (): void => {
        if (readdirSync(path).some(fits)) resolve()
      }
      watcher.on('change', look)
      look()
    })
  } finally {
    watcher.close()
  }
}

/** What is neither of a layout nor remembered of it. */
function leftIn(layout: string): string[] {
  return readdirSync(layout).filter((name) => name.startsWith('.') && name !== VERIFIED)
}

/** A layout that has blobs, all of them whole, and no image. */
function checkBlobs(layout: string): void {
  assert.deepEqual(readdirSync(layout), ['blobs'])
  const blobs = join(layout, 'blobs/sha256')
  for (const blob of readdirSync(blobs)) assert.equal(sha256File(join(blobs, blob)), blob)
}

const SIGNALS = [
  ['SIGHUP', 129],
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const

describe('stopped', () => {
  const endless = sparseConf('40G')
  for (const [signal, status] of SIGNALS)
    for (const [kind, name] of [
      ['a file', (out: string) => join(out, 'image.tar')],
      ['an image layout', (out: string) => `oci:${join(out, 'layout')}`],
      ['an image archive', (out: string) => `oci-archive:${join(out, 'image.tar')}`],
    ] as const)
      test(`${signal} while ${kind} is written: status ${status}, nothing is left, in TMPDIR either`, async () => {
        const [out, temporary] = [directory(), directory()]
        const { child, ended } = startCli([endless, '-o', name(out)], { TMPDIR: temporary })
        await entry(kind === 'a file' ? out : temporary, () => true)
        child.kill(signal)
        assert.equal((await ended).status, status)
        assert.deepEqual(readdirSync(temporary), [])
        // Blobs that are whole may stay.
        if (existsSync(join(out, 'layout'))) checkBlobs(join(out, 'layout'))
        else assert.deepEqual(readdirSync(out), [])
      })

  for (const [signal, status] of SIGNALS)
    test(`${signal} while an image archive is packed`, async () => {
      const [out, temporary] = [directory(), directory()]
      const { child, ended } = startCli([sparseConf('400M'), '-o', `oci-archive:${join(out, 'image.tar')}`], {
        TMPDIR: temporary,
      })
      // Beside the directory with the blobs there is the archive itself.
      await entry(out, (name) => lstatSync(join(out, name), { throwIfNoEntry: false })?.isFile() === true)
      child.kill(signal)
      assert.equal((await ended).status, status)
      assert.deepEqual([readdirSync(out), readdirSync(temporary)], [[], []])
    })

  test('what a killed run has left goes with the next', async () => {
    const [out, temporary] = [directory(), directory()]
    const names = [
      join(out, 'image.tar'),
      `oci-archive:${join(out, 'other.tar')}`,
      `oci:${join(out, 'layout')}`,
    ]
    for (const name of names) {
      const { child, ended } = startCli([endless, '-o', name], { TMPDIR: temporary })
      await entry(name.includes(':') ? temporary : out, () => true)
      child.kill('SIGKILL')
      await ended
      assert.notDeepEqual([...readdirSync(out), ...readdirSync(temporary)], [])
      resultOf(await runAsync([conf, '-o', name], { TMPDIR: temporary }))
      assert.deepEqual(readdirSync(temporary), [])
      assert.ok(!readdirSync(out).some((entry) => entry.startsWith('.')))
    }
    assert.deepEqual(leftIn(join(out, 'layout')), [])
  })

  for (const [signal, status] of SIGNALS)
    for (const scheme of ['', 'oci-archive:'])
      test(`${signal} while ${scheme}FIFO has no reader: status ${status}`, {
        skip: skipWithout('mkfifo'),
      }, async () => {
        const [out, temporary] = [directory(), directory()]
        const pipe = join(out, 'pipe')
        command('mkfifo', [pipe])
        const { child, ended } = startCli([conf, '-o', `${scheme}${pipe}`], { TMPDIR: temporary })
        await new Promise((resolve) => child.stderr?.once('data', resolve))
        child.kill(signal)
        assert.equal((await ended).status, status)
        assert.deepEqual([readdirSync(out), readdirSync(temporary)], [['pipe'], []])
      })
})

describe('pipes and devices', { skip: skipWithout('mkfifo', 'mknod') }, () => {
  test('a pipe with a name is read when somebody comes', async () => {
    const pipe = join(directory(), 'pipe')
    command('mkfifo', [pipe])
    const run = runAsync([conf, '-o', pipe])
    const sum = command('sh', ['-c', 'sha256sum < "$0"', pipe])
    assert.equal((await run).status, 0)
    assert.equal(sum.slice(0, 64), sha256File(runCli(conf).output))
  })

  test('a reader that leaves a pipe with a name while nothing is written: status 141', async () => {
    const pipe = join(directory(), 'pipe')
    command('mkfifo', [pipe])
    const { ended } = startCli([sparseConf('40G'), '-o', pipe])
    // It stays long enough to be seen.
    spawnSync('sh', ['-c', 'exec 3< "$0"; sleep 5', pipe])
    assert.equal((await ended).status, 141)
  })

  test('a device is written to and stays: --digest-file, oci-archive', async () => {
    const out = directory()
    const device = join(out, 'null')
    command('mknod', [device, 'c', '1', '3'])
    resultOf(await runAsync([conf, '-o', `oci-archive:${device}`, '--digest-file', device]))
    assert.ok(statSync(device).isCharacterDevice())
    assert.deepEqual(readdirSync(out), ['null'])
  })

  test('-o oci:/proc/x fails at once', async () => {
    const { status, stderr } = await runAsync([conf, '-o', 'oci:/proc/x'])
    assert.equal(status, 1)
    assert.match(stderr, /\/proc\/x: no such file or directory \(ENOENT\) \[OUTPUT_FAILED\]\n$/)
  })
})

describe('a file system that fails', { skip: skipWithout('strace', 'mount') }, () => {
  const kinds: [string, (out: string) => string][] = [
    ['a file', (out) => join(out, 'image')],
    ['an image layout', (out) => `oci:${join(out, 'image')}`],
    ['an image archive', (out) => `oci-archive:${join(out, 'image')}`],
  ]
  /** strace counts the calls of each thread. */
  const ONE_THREAD = { ...process.env, UV_THREADPOOL_SIZE: '1' }

  /** One error line. */
  function checkError(stderr: string, pattern: RegExp): void {
    const errors = stderr.split('\n').filter((line) => line.includes('error:'))
    assert.equal(errors.length, 1, stderr)
    assert.match(errors[0]!, pattern)
    assert.doesNotMatch(stderr, /\n {4}at /)
  }

  for (const [kind, name] of kinds) {
    test(`${kind} whose first sync gives EIO: one error, no image`, () => {
      const out = directory()
      const args = [...failingSync(1), process.execPath, CLI, conf, '-o', name(out)]
      const { status, stderr } = spawnSync('strace', args, {
        encoding: 'utf8',
        timeout: 120_000,
        env: ONE_THREAD,
      })
      assert.equal(status, 1, stderr)
      checkError(stderr, /i\/o error \(EIO\) \[OUTPUT_FAILED\]$/)
      if (kind === 'an image layout') assert.ok(!existsSync(join(out, 'image/index.json')))
      else assert.deepEqual(readdirSync(out), [])
    })

    test(`${kind} on a disk that fills up: one error, no image, and it works when there is room`, () => {
      const out = directory()
      command('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', out])
      try {
        const { status, stderr } = spawnSync(process.execPath, [CLI, conf, '-o', name(out)], {
          encoding: 'utf8',
        })
        assert.equal(status, 1, stderr)
        checkError(stderr, /no space left on device \(ENOSPC\) \[OUTPUT_FAILED\]$/)
        if (kind !== 'an image layout') assert.deepEqual(readdirSync(out), [])
        // The largest goes first: there may be none that has fitted.
        else if (existsSync(join(out, 'image'))) checkBlobs(join(out, 'image'))
        command('mount', ['-o', 'remount,size=20m', out])
        assert.equal(spawnSync(process.execPath, [CLI, conf, '-o', name(out)]).status, 0)
      } finally {
        command('umount', [out])
      }
    })
  }

  test('an index.json that cannot be replaced stays as it was, whichever sync fails', () => {
    const out = directory()
    assert.equal(spawnSync(process.execPath, [CLI, conf, '-o', `oci:${out}:one`]).status, 0)
    const other = writeConf(directory(), { store_dir: store, store_layers: [[paths[0]!]] })
    const index = readFileSync(join(out, 'index.json'), 'utf8')
    let failed = 0
    for (let n = 1; n < 50; n++) {
      const args = [...failingSync(n), process.execPath, CLI, other, '-o', `oci:${out}:two`]
      const { status, stderr } = spawnSync('strace', args, {
        encoding: 'utf8',
        timeout: 120_000,
        env: ONE_THREAD,
      })
      const now = readFileSync(join(out, 'index.json'), 'utf8')
      if (status === 0) {
        assert.notEqual(now, index)
        break
      }
      failed++
      checkError(stderr, /\(EIO\) \[OUTPUT_FAILED\]$/)
      // The last one syncs the name that has changed already.
      if (now !== index) assert.doesNotThrow(() => JSON.parse(now))
      assert.deepEqual(leftIn(out), [])
    }
    assert.ok(failed > 3, `${failed}`)
  })
})

/** Arguments of strace that have the nth fsync fail with EIO. */
function failingSync(n: number): string[] {
  return ['-f', '-qq', '-o', '/dev/null', '-e', 'trace=fsync', '-e', `inject=fsync:error=EIO:when=${n}`]
}
