/** Inputs that change under the build: it fails, names the file, and leaves an archive that lacks its end. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  appendFileSync,
  chmodSync,
  closeSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import { extract } from 'tar-stream'
import { buildImage, ImageError } from '../../src/index.js'
import { skipWithout } from '../support/clients.js'
import { CLI, makeCustomisation, runCli, writeConf } from '../support/image.js'
import { scratchDirectory } from '../support/scratch.js'
import { settled } from '../support/settled.js'

const root = scratchDirectory()
const DAY = new Date('2020-01-01T00:00:00Z')
let count = 0

interface Scene {
  directory: string
  conf: string
  /** The store path of the second layer, and a file in it. */
  path: string
  file: string
  /** Of the file, in bytes. */
  size: number
}

/** A first layer that keeps the output busy, and a second one that a test may change meanwhile. */
function scene(fromImage: string | null = null, size = 300_000): Scene {
  const directory = join(root, String(count++))
  const path = join(directory, 'store', 'p')
  mkdirSync(join(path, 'd'), { recursive: true })
  const first = join(directory, 'store', 'first')
  writeFileSync(first, Buffer.alloc(16 << 20, 1))
  const file = join(path, 'd', 'file')
  writeFileSync(file, Buffer.alloc(size, 2))
  utimesSync(file, DAY, DAY)
  return {
    directory,
    path,
    file,
    size,
    conf: writeConf(directory, { store_layers: [[first], [path]], from_image: fromImage }),
  }
}

/** Builds; when all checksums are known and the first layer is on its way, `change` happens. */
async function buildAndChange(conf: string, change: () => void): Promise<{ error: unknown; output: Buffer }> {
  const output = new PassThrough({ highWaterMark: 1 })
  const chunks: Buffer[] = []
  let waiting = 3
  const onEvent = ({ type }: { type: string }): void => {
    if (type !== 'layer-checksummed' || --waiting > 0) return
    change()
    output.on('data', (chunk: Buffer) => chunks.push(chunk))
  }
  let error: unknown
  await buildImage({ conf, output, onEvent }).catch((thrown: unknown) => {
    error = thrown
  })
  return { error, output: Buffer.concat(chunks) }
}

async function isWhole(archive: Buffer): Promise<boolean> {
  const parser = extract()
  parser.on('entry', (_header, body, next) => {
    body.on('end', next)
    body.on('error', () => {})
    body.resume()
  })
  const parsed = new Promise<boolean>((resolve) => {
    parser.on('finish', () => resolve(true))
    parser.on('error', () => resolve(false))
  })
  parser.end(archive)
  return (await parsed) && archive.subarray(-1024).every((byte) => byte === 0)
}

const CHANGES: Record<string, { change: (scene: Scene) => void; message: RegExp }> = {
  shrinks: {
    change: ({ file }) => truncateSync(file, 1000),
    message: /d\/file' changed .*expected (size )?300{0,2}00 bytes, found 1000/,
  },
  'becomes empty': {
    change: ({ file }) => truncateSync(file, 0),
    message: /d\/file' changed .*expected (size )?300{0,2}00 bytes, found 0/,
  },
  grows: {
    change: ({ file }) => appendFileSync(file, 'more'),
    message: /d\/file' changed .*expected size 300{0,2}00 bytes, found 300{0,2}04 bytes/,
  },
  'is replaced by another of its size and time': {
    change({ file, size }) {
      writeFileSync(`${file}.new`, Buffer.alloc(size, 3))
      utimesSync(`${file}.new`, DAY, DAY)
      renameSync(`${file}.new`, file)
    },
    message: /\/d.*' changed .*expected (inode \d+|mtime|ctime)/,
  },
  'changes in place, its time set back': {
    change({ file }) {
      const fd = openSync(file, 'r+')
      writeSync(fd, 'changed', 1000)
      closeSync(fd)
      utimesSync(file, DAY, DAY)
    },
    message: /d\/file' changed .*expected ctime/,
  },
  disappears: {
    change: ({ file }) => rmSync(file),
    message: /\/d(\/file)?' changed .*expected (it to be there|mtime|ctime)/,
  },
  'appears beside others': {
    change: ({ path }) => writeFileSync(join(path, 'd', 'new'), ''),
    message: /p\/d' changed .*expected mtime/,
  },
  'becomes unreadable': {
    change: ({ file }) => chmodSync(file, 0),
    message: /d\/file'.*(changed .*expected ctime|permission denied)/,
  },
  'becomes a symbolic link': {
    change({ file }) {
      rmSync(file)
      symlinkSync('/etc/passwd', file)
    },
    message: /\/d(\/file)?' changed/,
  },
  'becomes a fifo that nobody writes to': {
    change({ file }) {
      rmSync(file)
      assert.equal(spawnSync('mkfifo', [file]).status, 0)
    },
    message: /\/d(\/file)?' changed/,
  },
  'goes with its directory': {
    change: ({ path }) => rmSync(path, { recursive: true }),
    message: /p' changed .*expected it to be there, found nothing/,
  },
}

// What is in a small file is kept from one pass to the other, unless it is fresh.
const scenes = Object.entries(CHANGES).flatMap(([name, change]) =>
  [300_000, 3000].map((size) => ({ name, ...change, it: scene(null, size) })),
)
await settled(...scenes.map(({ it }) => it.path))

for (const { name, change, message, it } of scenes)
  test(`a file of ${it.size} bytes that ${name} between the passes`, async () => {
    const { error, output } = await buildAndChange(it.conf, () => change(it))
    assert.ok(error instanceof Error && 'code' in error)
    assert.ok(['FILE_CHANGED', 'FILE_UNREADABLE'].includes(String(error.code)), String(error))
    assert.match(error.message, message)
    assert.ok(output.length > 0)
    assert.equal(await isWhole(output), false)
  })

const MIDWAY: Record<string, { change: (file: string) => void; message: RegExp }> = {
  shrinks: {
    change: (file) => truncateSync(file, 24 << 20),
    message: /d\/large' changed .*expected 33554432 bytes, found 25165824/,
  },
  grows: {
    change: (file) => appendFileSync(file, 'more'),
    message: /d\/large' changed .*expected size 33554432 bytes, found 33554436 bytes/,
  },
  'changes behind the reader': {
    change(file) {
      const fd = openSync(file, 'r+')
      writeSync(fd, 'changed', 1000)
      closeSync(fd)
      utimesSync(file, DAY, DAY)
    },
    message: /d\/large' changed .*expected ctime/,
  },
  'is replaced': {
    change(file) {
      writeFileSync(`${file}.new`, Buffer.alloc(32 << 20, 3))
      renameSync(`${file}.new`, file)
    },
    message: /d\/large' changed .*expected ctime/,
  },
  disappears: { change: (file) => rmSync(file), message: /d\/large' changed .*expected ctime/ },
}

for (const [name, { change, message }] of Object.entries(MIDWAY)) {
  test(`a file that ${name} while it is read`, async () => {
    const it = scene()
    const file = join(it.path, 'd', 'large')
    writeFileSync(file, Buffer.alloc(32 << 20, 7))
    utimesSync(file, DAY, DAY)
    // The first layer and a part of this file are out; what lies between reader and output is less than half of it.
    const midway = 20 << 20
    let changed = false
    const chunks: Buffer[] = []
    const output = new PassThrough({ highWaterMark: 1 })
    let total = 0
    output.on('data', (chunk: Buffer) => {
      chunks.push(chunk)
      total += chunk.length
      if (changed || total < midway) return
      changed = true
      change(file)
    })
    await assert.rejects(buildImage({ conf: it.conf, output }), (error) => {
      assert.ok(error instanceof ImageError)
      assert.equal(error.code, 'FILE_CHANGED')
      assert.match(error.message, message)
      return true
    })
    assert.equal(await isWhole(Buffer.concat(chunks)), false)
  })
}

test('nothing that changes: the archive is whole', async () => {
  const { error, output } = await buildAndChange(scene().conf, () => {})
  assert.equal(error, undefined)
  assert.equal(await isWhole(output), true)
})

test('a customisation layer that changes between the passes', async () => {
  const it = scene()
  const { error } = await buildAndChange(
    it.conf,
    () => void makeCustomisation(join(it.directory, 'customisation'), Buffer.alloc(10240, 9)),
  )
  assert.match(String(error), /customisation\/layer.tar changed .*expected (inode|mtime|ctime)/)
})

test('a customisation layer whose checksum is not true, malformed or missing', () => {
  const cases: [string | null, RegExp][] = [
    ['0'.repeat(64), /layer.tar: expected SHA-256 0{64} as the file checksum says, found [0-9a-f]{64}/],
    ['short', /checksum: expected a SHA-256 of 64 hex digits, found "short"/],
    [null, /cannot read .*checksum: no such file/],
  ]
  for (const [checksum, message] of cases) {
    const { directory, conf } = scene()
    const path = join(directory, 'customisation', 'checksum')
    if (checksum === null) rmSync(path)
    else writeFileSync(path, checksum)
    const run = runCli(conf)
    assert.equal(run.status, 1)
    assert.match(run.stderr, message)
  }
})

test('what cannot be archived or read is an error that names it', async () => {
  const it = scene()
  rmSync(it.path, { recursive: true })
  assert.match(
    runCli(it.conf).stderr,
    /cannot read '.*\/p': no such file or directory \(ENOENT\) \[FILE_UNREADABLE\]/,
  )
  mkdirSync(it.path)
  const socket = join(it.path, 'socket')
  const python = `import socket; socket.socket(socket.AF_UNIX).bind(${JSON.stringify(socket)})`
  assert.equal(spawnSync('python3', ['-c', python]).status, 0)
  assert.match(
    runCli(it.conf).stderr,
    /socket': expected what a tar archive can hold, found a socket \[FILE_UNSUPPORTED\]/,
  )
})

test('a directory that cannot be read is not skipped', { skip: skipWithout('setpriv') }, () => {
  const it = scene()
  chmodSync(root, 0o755)
  chmodSync(join(it.path, 'd'), 0o700)
  const { status, stderr } = spawnSync(
    'setpriv',
    ['--reuid=65534', '--regid=65534', '--clear-groups', process.execPath, CLI, it.conf],
    { encoding: 'utf8', maxBuffer: 1 << 28 },
  )
  assert.equal(status, 1)
  assert.match(stderr, /cannot read '.*\/p\/d': permission denied \(EACCES\) \[FILE_UNREADABLE\]/)
})

test('paths outside the store directory, and relative ones', () => {
  const { directory } = scene()
  const outside = writeConf(directory, {
    store_dir: '/nix/store',
    store_layers: [['/nix/store/a', '/etc/passwd']],
  })
  assert.match(
    runCli(outside).stderr,
    /expected paths in \/nix\/store, found \['\/etc\/passwd'\] \[STORE_PATH_INVALID\]/,
  )
  const relative = writeConf(directory, { store_dir: '', store_layers: [['etc/passwd']] })
  assert.match(
    runCli(relative).stderr,
    /store path 'etc\/passwd': expected an absolute path \[STORE_PATH_INVALID\]/,
  )
})
