/** A cache in a directory: it is one of its own, and nothing outside of it or not of its making is touched. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { SUBDIRECTORY } from '../../src/cache/cache-directory.js'
import { DigestCache } from '../../src/cache/digest-cache.js'
import { DirectoryStore } from '../../src/cache/directory-store.js'
import { encodeEntry } from '../../src/cache/entry.js'
import { parseCachePlace } from '../../src/cache/place.js'
import { fromHex } from '../../src/model/digest.js'
import { command } from '../support/clients.js'
import { directoriesIn, scratchDirectory } from '../support/scratch.js'

const root = scratchDirectory()
const DAY = 86_400_000
const TEXT = 'an entry\n'

const newDirectory = directoriesIn(root)

function nameOf(i: number): string {
  return `nar-${String(i).padStart(64, '0')}-none`
}

const open = (directory: string): Promise<DirectoryStore> => DirectoryStore.open(directory, { make: true })

/** All that is below, with its contents. */
function snapshot(directory: string): [name: string, content: string | undefined][] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .sort()
    .map((name) => {
      const path = join(directory, name)
      return [name, lstatSync(path).isFile() ? readFileSync(path, 'utf8') : undefined]
    })
}

test('files that are called like a cache’s stay, whatever is done with it', async () => {
  const project = newDirectory()
  for (const name of ['tmp', 'content-v2/sha512', 'index-v5/00', nameOf(1), '.git']) {
    mkdirSync(join(project, name), { recursive: true })
    writeFileSync(join(project, name, 'precious'), name)
  }
  for (const name of ['CACHEDIR.TAG', '_lastverified', `tmp-1-${'0'.repeat(16)}`, nameOf(2)])
    writeFileSync(join(project, name), name)
  const before = snapshot(project)
  const store = await open(project)
  await store.set(nameOf(1), TEXT)
  assert.equal(await store.prune(0, Date.now() + DAY), 1)
  await store.set(nameOf(1), TEXT)
  assert.equal(await store.clear(), 1)
  await store.close()
  rmSync(join(project, SUBDIRECTORY), { recursive: true })
  assert.deepEqual(snapshot(project), before)
})

test('in its own directory, too, only its entries go', async () => {
  const parent = newDirectory()
  const store = await open(parent)
  const own = join(parent, SUBDIRECTORY)
  const outside = newDirectory()
  writeFileSync(join(outside, 'precious'), 'precious')
  await store.set(nameOf(1), TEXT)
  mkdirSync(join(own, nameOf(2)))
  writeFileSync(join(own, nameOf(2), 'precious'), 'precious')
  symlinkSync(outside, join(own, nameOf(3)))
  symlinkSync(join(outside, 'precious'), join(own, nameOf(4)))
  symlinkSync(join(outside, 'precious'), join(own, `tmp-1-${'1'.repeat(16)}`))
  writeFileSync(join(own, 'notes.txt'), 'precious')
  command('mkfifo', [join(own, nameOf(5))])
  for (const i of [2, 3, 4, 5, 6]) assert.equal(await store.get(nameOf(i)), undefined)
  const before = snapshot(own).filter(([name]) => name !== nameOf(1))
  assert.equal((await store.stats()).entries, 1)
  assert.equal(await store.prune(0, Date.now() + DAY), 1)
  assert.equal(await store.clear(), 0)
  assert.deepEqual(snapshot(own), before)
  // An entry that is written takes a link's place, not the place that it leads to.
  await store.set(nameOf(4), TEXT)
  assert.equal(await store.get(nameOf(4)), TEXT)
  assert.equal(readFileSync(join(outside, 'precious'), 'utf8'), 'precious')
})

test('a directory that is not known to be a cache is not used', async () => {
  const cases: [name: string, make: (own: string) => void, message: RegExp][] = [
    ['file', (own) => writeFileSync(own, ''), /expected a directory, found something else|EEXIST/],
    ['link', (own) => symlinkSync(newDirectory(), own), /expected a directory, found something else/],
    ['dangling', (own) => symlinkSync('/nowhere', own), /found something else|EEXIST/],
    [
      'others',
      (own) => mkdirSync(join(own, 'tmp'), { recursive: true }),
      /expected .*CACHEDIR\.TAG, found other/,
    ],
    [
      'tag of others',
      (own) => {
        mkdirSync(own)
        writeFileSync(join(own, 'CACHEDIR.TAG'), 'Signature: 8a477f597d28d172789f06886806bc55\n')
      },
      /expected .*CACHEDIR\.TAG, found other/,
    ],
    [
      'no file',
      (own) => {
        mkdirSync(own)
        command('mkfifo', [join(own, 'CACHEDIR.TAG')])
      },
      /expected .*CACHEDIR\.TAG, found other/,
    ],
  ]
  for (const [name, make, message] of cases) {
    const parent = newDirectory()
    make(join(parent, SUBDIRECTORY))
    const before = snapshot(parent)
    const error = { code: 'CACHE_FAILED', message }
    await assert.rejects(open(parent), error, name)
    await assert.rejects(DirectoryStore.open(parent, { make: false }), error, name)
    assert.deepEqual(snapshot(parent), before)
  }
})

test('a cache that cannot be used says so in one line when it is opened', async () => {
  const file = join(newDirectory(), 'file')
  writeFileSync(file, '')
  const loop = join(newDirectory(), 'loop')
  symlinkSync(loop, loop)
  for (const [place, message] of [
    [file, /^the cache cannot be used: .*file\/.*: not a directory \(ENOTDIR\)$/],
    [join(file, 'below'), /not a directory \(ENOTDIR\)$/],
    ['/proc/x', /^the cache cannot be used: \/proc\/x\/.*: no such file or directory \(ENOENT\)$/],
    ['/proc/x/y/z', /no such file or directory \(ENOENT\)$/],
    [loop, /too many symbolic links encountered \(ELOOP\)$/],
    [join(root, 'n'.repeat(300)), /name too long \(ENAMETOOLONG\)$/],
    [`${root}/zero\0byte`, /^the cache cannot be used: [^\n]*$/],
  ] as const) {
    const warnings: string[] = []
    assert.equal(await DigestCache.open(place, (text) => warnings.push(text)), undefined)
    assert.equal(warnings.length, 1)
    assert.match(warnings[0]!, message)
  }
})

test('what names no cache is an error, and nothing of it is repeated that may be secret', async () => {
  for (const place of [
    '',
    'ftp://u:secret@h',
    'redis:secret',
    'redis://',
    'redis:///0',
    'REDIS://u:secret@h:port',
    'redis://:secret@h/db',
    'redis://:secret%zz@h',
    'file:///secret',
  ]) {
    const seen = { code: 'CACHE_FAILED', message: /^cache [^ ]*: expected a directory or redis:/ }
    await assert.rejects(DigestCache.open(place, assert.fail), seen, place)
    assert.throws(
      () => parseCachePlace(place),
      (error: Error) => !/secret/.test(error.message + String(error.cause)),
      place,
    )
  }
  for (const place of ['.', 'a b', './redis:x', 'C:x', 'x:y', '-'])
    assert.deepEqual(parseCachePlace(place), { kind: 'directory', path: place })
})

test('an entry that is too large is not read', async () => {
  const parent = newDirectory()
  const store = await open(parent)
  const path = join(parent, SUBDIRECTORY, nameOf(1))
  command('truncate', ['-s', '3T', path])
  assert.equal(await store.get(nameOf(1)), undefined)
  await store.set(nameOf(1), TEXT)
  assert.equal(await store.get(nameOf(1)), TEXT)
})

test('names that are no blob’s lead nowhere', async () => {
  const parent = newDirectory()
  const store = await open(parent)
  const before = snapshot(parent)
  for (const name of [
    '../precious',
    '/etc/passwd',
    '',
    '.',
    'CACHEDIR.TAG',
    `${nameOf(1)}/..`,
    `${nameOf(1)}\n`,
  ]) {
    await store.set(name, TEXT)
    assert.equal(await store.get(name), undefined)
    await store.delete(name)
  }
  assert.deepEqual(snapshot(parent), before)
})

test('stats of what is there, of nothing, and without making a directory', async () => {
  const parent = newDirectory()
  const absent = await DirectoryStore.open(join(parent, 'absent'), { make: false })
  const none = { entries: 0, bytes: 0, oldest: undefined, latest: undefined }
  assert.deepEqual(await absent.stats(), none)
  assert.deepEqual(
    [await absent.prune(0), await absent.clear(), await absent.get(nameOf(1))],
    [0, 0, undefined],
  )
  await absent.close()
  assert.deepEqual(snapshot(parent), [])
  const store = await open(parent)
  const own = join(parent, SUBDIRECTORY)
  for (const i of [1, 2, 3]) {
    await store.set(nameOf(i), TEXT)
    utimesSync(join(own, nameOf(i)), i, i)
  }
  const stats = { entries: 3, bytes: 3 * TEXT.length, oldest: new Date(1000), latest: new Date(3000) }
  assert.deepEqual(await store.stats(), stats)
  await store.delete(nameOf(1))
  await store.delete(nameOf(1))
  assert.equal((await store.stats()).entries, 2)
})

test('closing prunes a cache that was not pruned for a week, of old entries and what killed builds left', async () => {
  const parent = newDirectory()
  const store = await open(parent)
  const own = join(parent, SUBDIRECTORY)
  const marker = join(own, 'CACHEDIR.TAG')
  const age = (name: string, days: number): void => {
    const time = new Date(Date.now() - days * DAY)
    utimesSync(join(own, name), time, time)
  }
  const [left, running] = [`tmp-1-${'0'.repeat(16)}`, `tmp-2-${'0'.repeat(16)}`]
  for (const name of [left, running]) writeFileSync(join(own, name), '')
  for (const i of [1, 2]) await store.set(nameOf(i), TEXT)
  age(nameOf(1), 91)
  age(left, 1)
  age('CACHEDIR.TAG', 6)
  await store.close()
  assert.ok(existsSync(join(own, nameOf(1))), 'pruned too early')
  age('CACHEDIR.TAG', 8)
  await store.close()
  assert.deepEqual(readdirSync(own).sort(), ['CACHEDIR.TAG', nameOf(2), running].sort())
  assert.ok(Date.now() - lstatSync(marker).mtimeMs < DAY)
})

test('many at once make one cache', async () => {
  const parent = join(newDirectory(), 'made', 'by', 'all')
  const module = new URL('../../src/cache/directory-store.js', import.meta.url).href
  const script = `import('${module}').then(async ({ DirectoryStore }) => {
    const store = await DirectoryStore.open(process.argv[1], { make: true })
    for (let i = 0; i < 50; i++) {
      const name = 'nar-' + String(i).padStart(64, '0') + '-none'
      await store.set(name, name)
      const found = await store.get(name)
      if (found !== name) throw new Error(found)
    }
    await store.close()
  })`
  const shell =
    'for i in 1 2 3 4 5 6; do "$1" -e "$2" "$3" & p="$p $!"; done; for j in $p; do wait $j || exit 1; done'
  command('sh', ['-c', shell, 'sh', process.execPath, script, parent])
  const store = await DirectoryStore.open(parent, { make: false })
  assert.equal((await store.stats()).entries, 50)
  assert.equal(readdirSync(join(parent, SUBDIRECTORY)).length, 51)
})

/** Runs a script with the module as another user, who is nobody. @returns its warnings and what it found */
function asNobody(parent: string, name: string): { warnings: string[]; found: unknown } {
  const module = new URL('../../src/cache/digest-cache.js', import.meta.url).href
  const script = `import('${module}').then(async ({ DigestCache }) => {
    const warnings = []
    const cache = await DigestCache.open(process.argv[1], (text) => warnings.push(text))
    const found = await cache?.find(process.argv[2])
    const digest = 'sha256:' + 'a'.repeat(64)
    const blob = { diffId: digest, size: 10240, digest, blobSize: 10240 }
    for (let i = 0; i < 2; i++) await cache?.remember('plan-' + 'a'.repeat(64) + '-none', blob)
    await cache?.drop(process.argv[2])
    await cache?.close()
    console.log(JSON.stringify({ warnings, found }))
  })`
  const options = { uid: 65534, gid: 65534, encoding: 'utf8', cwd: '/' } as const
  const { stdout, stderr } = spawnSync(process.execPath, ['-e', script, parent, name], options)
  assert.equal(stderr, '')
  return JSON.parse(stdout) as { warnings: string[]; found: unknown }
}

const needsRoot = process.getuid?.() === 0 ? false : 'needs root'

test('who may only read a cache reads it, with one warning; who may not read it has none', {
  skip: needsRoot,
}, async () => {
  chmodSync(root, 0o755)
  const blob = {
    diffId: fromHex('b'.repeat(64)),
    size: 20480,
    digest: fromHex('b'.repeat(64)),
    blobSize: 20480,
  }
  const parent = newDirectory()
  const store = await open(parent)
  const own = join(parent, SUBDIRECTORY)
  await store.set(nameOf(1), encodeEntry(nameOf(1), blob))
  await store.set(nameOf(2), encodeEntry(nameOf(2), blob))
  chmodSync(join(own, nameOf(2)), 0o600)
  const before = snapshot(parent)
  const readOnly = `the cache cannot be written to, only read: ${parent}: permission denied (EACCES)`
  assert.deepEqual(asNobody(parent, nameOf(1)), { warnings: [readOnly], found: blob })
  // An entry of another user alone is none.
  assert.deepEqual(asNobody(parent, nameOf(2)), { warnings: [readOnly] })
  chmodSync(own, 0o700)
  const unusable = (path: string): object => ({
    warnings: [`the cache cannot be used: ${path}: permission denied (EACCES)`],
  })
  assert.deepEqual(asNobody(parent, nameOf(1)), unusable(own))
  chmodSync(own, 0o755)
  assert.deepEqual(snapshot(parent), before)
  // It is not there, and cannot be made.
  const closed = newDirectory()
  assert.deepEqual(asNobody(closed, nameOf(1)), unusable(join(closed, SUBDIRECTORY)))
  // It is another's, without a marker.
  mkdirSync(join(closed, SUBDIRECTORY))
  assert.equal(asNobody(closed, nameOf(1)).warnings.length, 1)
  // Both may write: entries of one are the other's.
  const shared = newDirectory()
  await (await open(shared)).set(nameOf(1), encodeEntry(nameOf(1), blob))
  chmodSync(join(shared, SUBDIRECTORY), 0o1777)
  const { warnings, found } = asNobody(shared, nameOf(1))
  assert.deepEqual(found, blob)
  assert.equal(warnings.length, 1, 'dropping another user’s entry is not allowed there')
})

test('a cache that vanishes during a build is given up with one warning', async () => {
  const parent = newDirectory()
  const warnings: string[] = []
  const cache = (await DigestCache.open(parent, (text) => warnings.push(text)))!
  const blob = {
    diffId: fromHex('b'.repeat(64)),
    size: 20480,
    digest: fromHex('b'.repeat(64)),
    blobSize: 20480,
  }
  await cache.remember(nameOf(1), blob)
  assert.deepEqual(await cache.find(nameOf(1)), blob)
  renameSync(join(parent, SUBDIRECTORY), join(parent, 'elsewhere'))
  for (const i of [1, 2, 3]) {
    assert.equal(await cache.find(nameOf(i)), undefined)
    await cache.remember(nameOf(i), blob)
    await cache.drop(nameOf(i))
  }
  await cache.close()
  assert.equal(warnings.length, 1)
  assert.deepEqual(readdirSync(join(parent, 'elsewhere')).sort(), ['CACHEDIR.TAG', nameOf(1)])
})

test('a thousand entries that are asked for at once have few files open', async () => {
  const store = await open(newDirectory())
  const names = Array.from({ length: 1000 }, (_, i) => nameOf(i))
  await Promise.all(names.map((name) => store.set(name, TEXT)))
  const descriptors = (): number => readdirSync('/proc/self/fd').length
  const before = descriptors()
  let most = 0
  let isOver = false
  const reading = Promise.all(names.map((name) => store.get(name))).finally(() => {
    isOver = true
  })
  while (!isOver) {
    most = Math.max(most, descriptors() - before)
    await setImmediate()
  }
  assert.deepEqual(new Set(await reading), new Set([TEXT]))
  assert.ok(most > 0 && most <= 64, `${most}`)
})
