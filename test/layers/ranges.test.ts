import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  appendFileSync,
  closeSync,
  openSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { type BaseImage, openBase } from '../../src/layers/base.js'
import { digestRecipe } from '../../src/layers/checksum.js'
import { expandFile } from '../../src/layers/compressed-ranges.js'
import { digestOf } from '../../src/model/digest.js'
import { noise } from '../support/base.js'
import { block, ending } from '../support/raw-tar.js'
import { scratchDirectory } from '../support/scratch.js'

const root = scratchDirectory()
const names = ['c', 'a', 'b']
const data = new Map(names.map((name, i) => [name, Buffer.from(noise(70_000 + i, i + 1), 'latin1')]))
const archive = Buffer.concat([
  block({ name: 'large', data: Buffer.alloc(3 << 20) }),
  ...['a', 'b', 'c'].map((name) => block({ name, data: data.get(name)! })),
  block({ name: 'link', type: '2', linkname: 'b' }),
  ending([...names, 'link', 'a']),
])
const expected = [...names, 'link', 'a'].map((name) => digestOf(data.get(name === 'link' ? 'b' : name)!))

function write(name: string, command: readonly string[] = ['cat']): string {
  const path = join(root, name)
  const { stdout, status } = spawnSync(command[0]!, command.slice(1), { input: archive, maxBuffer: 1 << 28 })
  assert.equal(status, 0)
  writeFileSync(path, stdout)
  return path
}

/** One after the other, as a thread is asked for them. */
async function digests({ file, layers }: Pick<BaseImage, 'file' | 'layers'>): Promise<string[]> {
  const found: string[] = []
  for (const { range } of layers) {
    const { diffId, size } = await digestRecipe({ ...file, range })
    assert.equal(size, range.size)
    found.push(diffId)
  }
  return found
}

const COMMANDS = [['cat'], ['gzip'], ['bzip2'], ['xz'], ['zstd', '-q']] as const

describe('the digest of any range', () => {
  for (const command of COMMANDS)
    test(`of ${command[0]}: of links, of layers in any order, of one twice`, async () => {
      assert.deepEqual(await digests(await openBase({ path: write(command[0], command) })), expected)
    })
})

describe('a compressed base with a file for a plain copy', () => {
  for (const command of COMMANDS)
    test(`${command[0]}: it is copied where that saves time, and its ranges are the same`, async () => {
      const into = join(root, `copy.${command[0]}`)
      closeSync(openSync(into, 'w'))
      const base = await openBase({ path: write(`copied.${command[0]}`, command), into })
      const isCopied = !['cat', 'zstd'].includes(command[0])
      assert.equal(base.file.path === into, isCopied)
      assert.equal(statSync(into).size, isCopied ? archive.length : 0)
      assert.deepEqual(await digests(base), expected)
    })

  test('where the copy cannot be written, the base is read as it is', async () => {
    const base = await openBase({ path: write('full', ['gzip']), into: '/dev/full' })
    assert.equal(base.file.compression, 'gzip')
    assert.deepEqual(await digests(base), expected)
  })
})

describe('a compressed base that is expanded', () => {
  for (const command of COMMANDS.slice(1))
    test(`${command[0]}: takes the room of its layers, each once`, async () => {
      const base = await openBase({ path: write(`expanded.${command[0]}`, command) })
      const { layers, file } = base
      const { path, compression, fingerprint } = file
      assert.ok(compression !== 'none')
      const into = join(root, 'plain')
      closeSync(openSync(into, 'w'))
      const ranges = layers.map(({ range }) => range)
      const expanded = await expandFile({ path, compression, fingerprint, ranges, into })
      assert.equal(statSync(into).size, 3 * 70_000 + 3)
      const bytes = readFileSync(into)
      assert.deepEqual(
        expanded.ranges.map(({ offset, size }) => digestOf(bytes.subarray(offset, offset + size))),
        expected,
      )
      const plain = layers.map((layer, i) => ({ ...layer, range: expanded.ranges[i]! }))
      const { fingerprint: found } = expanded
      assert.deepEqual(
        await digests({
          file: { kind: 'range', path: into, compression: 'none', fingerprint: found },
          layers: plain,
        }),
        expected,
      )
    })

  test('what has no room is refused before a byte is written', async () => {
    const base = await openBase({ path: write('huge', ['gzip']) })
    const { path, fingerprint } = base.file
    const into = join(root, 'refused')
    closeSync(openSync(into, 'w'))
    const ranges = [{ offset: 0, size: 2 ** 52 }]
    await assert.rejects(expandFile({ path, compression: 'gzip', fingerprint, ranges, into }), {
      code: 'OUTPUT_FAILED',
      message: /expected room for 4503599627370496 bytes/,
    })
    assert.equal(statSync(into).size, 0)
  })
})

describe('a file that is another by the time it is read', () => {
  for (const command of COMMANDS.slice(0, 2))
    test(`${command[0]}: FILE_CHANGED, whatever is there now, and no waiting`, {
      timeout: 60_000,
    }, async () => {
      const path = write(`changed.${command[0]}`, command)
      const base = await openBase({ path })
      appendFileSync(path, 'x')
      await assert.rejects(digests(base), { code: 'FILE_CHANGED' })
      renameSync(path, `${path}.old`)
      await assert.rejects(digests(base), { code: 'FILE_CHANGED', message: /found nothing/ })
      assert.equal(spawnSync('mkfifo', [path]).status, 0)
      await assert.rejects(digests(base), { code: 'FILE_CHANGED', message: /found a FIFO/ })
    })
})
