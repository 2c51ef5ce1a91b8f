/** NAR hashes beside the archive, against Nix's own. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmodSync, lstatSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { writeBlob } from '../../src/layers/blob.js'
import { checksumLayer } from '../../src/layers/checksum.js'
import { fsDecode } from '../../src/python/fs-encoding.js'
import { command, skipWithout } from '../support/clients.js'
import { pathsIn, scratchDirectory } from '../support/scratch.js'
import { materialise, type Node, storePath } from '../support/tree.js'

const root = scratchDirectory()
const owner = { mtime: 1, uid: 0n, gid: 0n, uname: 'root', gname: 'root' }
const narHashes = (...paths: string[]): (string | undefined)[] | undefined =>
  checksumLayer({ paths, owner, nar: true }).narHashes

/** A new path for a tree. */
const newPath = pathsIn(root)

/** A directory with the store's modes, of files by name; names are latin1. */
function directoryOf(...names: string[]): string {
  const path = newPath()
  const children = names.map((name): [string, Node] => [
    name,
    { kind: 'file', size: name.length, mode: 0o444, fill: 7 },
  ])
  materialise(path, { kind: 'directory', mode: 0o555, children }, [])
  return path
}

function nixHash(path: string): string {
  return `sha256:${command('nix-hash', ['--type', 'sha256', '--base32', path])}`
}

/** What the store would make of a tree: no other kinds, and canonical modes where `canonical` is true. */
function asInStore(tree: Node, canonical: boolean): Node {
  if (tree.kind === 'fifo') return { kind: 'symlink', target: 'no fifo' }
  if (tree.kind === 'file') return canonical ? { ...tree, mode: tree.mode & 0o100 ? 0o555 : 0o444 } : tree
  if (tree.kind !== 'directory') return tree
  const children = tree.children.map(([name, node]): [string, Node] => [name, asInStore(node, canonical)])
  return { ...tree, mode: canonical ? 0o555 : tree.mode, children }
}

interface Look {
  canonical: boolean
  /** Whether all names are UTF-8. */
  decodable: boolean
}

function look(path: Buffer): Look {
  const stats = lstatSync(path)
  const mode = stats.mode & 0o7777
  if (stats.isSymbolicLink()) return { canonical: true, decodable: true }
  if (!stats.isDirectory()) return { canonical: mode === 0o444 || mode === 0o555, decodable: true }
  const names = readdirSync(path, { encoding: 'buffer' })
  const below = names.map((name) => look(Buffer.concat([path, Buffer.from('/'), name])))
  return {
    canonical: mode === 0o555 && below.every(({ canonical }) => canonical),
    decodable: names.every((name) => fsDecode(name).isWellFormed()) && below.every((b) => b.decodable),
  }
}

describe('against nix-hash', { skip: skipWithout('nix-hash', 'nix-store') }, () => {
  test('random store paths have the hash that Nix computes, or none', () => {
    const files: Buffer[] = []
    let [known, unknown] = [0, 0]
    const trees = fc.array(storePath, { minLength: 1, maxLength: 3 })
    fc.assert(
      fc.property(trees, fc.integer({ min: 0, max: 3 }), (drawn, dice) => {
        const paths = drawn.map((tree) => {
          const path = newPath()
          materialise(path, asInStore(tree, dice > 0), files)
          return path
        })
        const hashes = narHashes(...paths)!
        assert.equal(hashes.length, paths.length)
        for (const [i, path] of paths.entries()) {
          const { canonical, decodable } = look(Buffer.from(path))
          if (hashes[i] !== undefined) assert.equal(hashes[i], nixHash(path))
          if (canonical && decodable) assert.notEqual(hashes[i], undefined)
          if (!canonical) assert.equal(hashes[i], undefined)
          hashes[i] === undefined ? unknown++ : known++
        }
      }),
      { numRuns: Number(process.env.RANDOM_STORES ?? 40) },
    )
    assert.ok(known > 0 && unknown > 0, `${known} known, ${unknown} unknown`)
  })

  test('all sizes around the padding, links, empty directories, and names that no NAR orders so', () => {
    const path = newPath()
    mkdirSync(join(path, 'empty', 'in', 'depth'), { recursive: true })
    for (const size of [0, 1, 7, 8, 9, 16383, 16384, 16385, 262143, 262144, 262145])
      writeFileSync(join(path, `f${size}`), Buffer.alloc(size, size), { mode: size % 2 ? 0o444 : 0o555 })
    symlinkSync('ß'.repeat(300), join(path, 'link'))
    for (const name of ['empty/in/depth', 'empty/in', 'empty', '.']) chmodSync(join(path, name), 0o555)
    const file = newPath()
    writeFileSync(file, 'only a file', { mode: 0o444 })
    const link = newPath()
    symlinkSync(path, link)
    // By bytes 80 < C3 A9 (é) and EE 80 80 (U+E000) < FF; as Python orders them it is the other way.
    const reversed = [directoryOf('\xc3\xa9', '\x80'), directoryOf('\xee\x80\x80', '\xff')]
    reversed.push(directoryOf('z', '\xfe', '\xff', '\xf0\x9f\x98\x80'))
    // Each directory begins anew.
    const twice = newPath()
    const below = (name: string): Node => ({
      kind: 'directory',
      mode: 0o555,
      children: [[name, { kind: 'symlink', target: name }]],
    })
    const children: [string, Node][] = [
      ['a', below('\xff')],
      ['b', below('\x80')],
    ]
    materialise(twice, { kind: 'directory', mode: 0o555, children }, [])
    const known = [
      twice,
      path,
      file,
      link,
      directoryOf('\xff', 'z'),
      directoryOf('\xef\xbf\xbf', '\xf0\x9f\x98\x80'),
    ]
    assert.deepEqual(narHashes(...known), known.map(nixHash))
    assert.deepEqual(narHashes(...reversed), [undefined, undefined, undefined])
  })

  test('a path of the store has the hash that its database holds, in a checksum and in every blob', async () => {
    const path = command('nix-store', ['--add', directoryOf('a', 'a-b', 'a.b', '\xc3\xa9')])
    const stored = command('nix-store', ['--query', '--hash', path])
    const dump = spawnSync('nix-store', ['--dump', path], { maxBuffer: 1 << 28 }).stdout
    assert.equal(
      stored,
      `sha256:${command('nix-hash', ['--to-base32', '--type', 'sha256', createHash('sha256').update(dump).digest('hex')])}`,
    )
    const { plan, narHashes: found, diffId, size } = checksumLayer({ paths: [path, path], owner, nar: true })
    assert.deepEqual(found, [stored, stored])
    const file = newPath()
    for (const kind of ['none', 'gzip', 'zstd'] as const) {
      writeFileSync(file, '')
      const recipe = { kind: 'store', plan, owner } as const
      const task = { recipe, size, compression: { kind, level: 1 }, file, offset: 0 }
      const blob = await writeBlob({ ...task, nar: true })
      assert.deepEqual([blob.narHashes, blob.diffId], [[stored, stored], diffId])
      assert.equal((await writeBlob(task)).narHashes, undefined)
    }
  })
})

test('what no store holds has no NAR hash, and its neighbours have', () => {
  const good = directoryOf('a')
  const bad: string[] = []
  for (const mode of [0o644, 0o744, 0o4555, 0o2555, 0o1444, 0o455, 0o445, 0o400, 0o777]) {
    const path = directoryOf('a', 'z')
    chmodSync(join(path, 'a'), mode)
    bad.push(path)
  }
  for (const mode of [0o755, 0o1555, 0o444, 0o500]) {
    const path = directoryOf('a', 'z')
    chmodSync(path, mode)
    bad.push(path)
  }
  const pipe = newPath()
  command('mkfifo', ['-m', '444', pipe])
  bad.push(pipe)
  const [hash] = narHashes(good)!
  assert.match(hash!, /^sha256:[0-9a-z]{52}$/)
  for (const path of bad) assert.deepEqual(narHashes(good, path, good), [hash, undefined, hash], path)
  assert.deepEqual(narHashes(), [])
  assert.equal(checksumLayer({ paths: [good], owner }).narHashes, undefined)
})

test('content, a name, a target, the executable bit: whatever differs gives another hash', () => {
  const tree = (name: string, content: string, mode: number, target: string): string => {
    const path = newPath()
    mkdirSync(path)
    writeFileSync(join(path, name), content, { mode })
    symlinkSync(target, join(path, 'link'))
    chmodSync(path, 0o555)
    return path
  }
  const hashes = narHashes(
    tree('a', 'x', 0o444, 't'),
    tree('b', 'x', 0o444, 't'),
    tree('a', 'y', 0o444, 't'),
    tree('a', 'x', 0o555, 't'),
    tree('a', 'x', 0o444, 'u'),
    tree('a', 'x\0', 0o444, 't'),
  )!
  assert.equal(new Set(hashes).size, 6)
  assert.ok(!hashes.includes(undefined))
})
