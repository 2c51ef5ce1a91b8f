import assert from 'node:assert/strict'
import { mkdirSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { ArchiveCursor } from '../../src/layers/archive.js'
import { checksumLayer, DigestSink, digestRecipe, planLayer } from '../../src/layers/checksum.js'
import { fingerprintOf } from '../../src/layers/fingerprint.js'
import { writeRecipes } from '../../src/layers/recipes.js'
import type { Sink } from '../../src/layers/sink.js'
import { writeSlice } from '../../src/layers/slices.js'
import type { Recipe } from '../../src/model/recipe.js'
import { scratchDirectory } from '../support/scratch.js'

const root = scratchDirectory()
const owner = { mtime: 1, uid: 0n, gid: 0n, uname: '', gname: '' }
const path = join(root, 'p')
mkdirSync(join(path, 'd', 'deep'), { recursive: true })
writeFileSync(join(path, 'file'), 'content')
writeFileSync(join(path, 'd', 'empty'), '')
writeFileSync(join(path, 'd', 'deep', 'large'), Buffer.alloc(70_001, 'xyz'))
writeFileSync(join(path, 'd', 'l'.repeat(150)), Buffer.alloc(512, 7))
const other = join(root, 'q')
writeFileSync(other, 'one file')

/** The recipe's archive. */
async function bytesOf(recipe: Recipe): Promise<Buffer> {
  const pieces: Buffer[] = []
  const buffer = Buffer.alloc(1 << 16)
  const sink: Sink = {
    lend: () => buffer,
    accept: (used) => void pieces.push(Buffer.from(buffer.subarray(0, used))),
  }
  await writeRecipes([recipe], sink)
  return Buffer.concat(pieces)
}

function storeRecipe(...paths: string[]): Recipe {
  return { kind: 'store', plan: planLayer({ paths, owner }).plan, owner }
}

function fileRecipe(file: string, offset: number, size: number): Recipe {
  const fingerprint = fingerprintOf(statSync(file))
  return {
    kind: 'range',
    path: file,
    fingerprint,
    compression: 'none',
    range: { offset, size },
  }
}

test('both passes give the same bytes', async () => {
  const { plan, diffId, size } = checksumLayer({ paths: [path, other], owner })
  const sink = new DigestSink()
  await writeRecipes([{ kind: 'store', plan, owner }], sink)
  assert.deepEqual([sink.digest(), sink.size], [diffId, size])
  assert.deepEqual(await digestRecipe({ kind: 'store', plan, owner }), { diffId, size })
})

test('several recipes follow each other', async () => {
  const file = join(path, 'd', 'deep', 'large')
  const recipes = [storeRecipe(path), fileRecipe(file, 5, 1000), storeRecipe(other)]
  const pieces: Buffer[] = []
  const buffer = Buffer.alloc(1 << 16)
  await writeRecipes(recipes, {
    lend: () => buffer,
    accept: (used) => void pieces.push(Buffer.from(buffer.subarray(0, used))),
  })
  const expected = Buffer.concat(await Promise.all(recipes.map(bytesOf)))
  assert.deepEqual(Buffer.concat(pieces), expected)
})

test('slices of any size, from anywhere, are parts of the archive', async () => {
  for (const recipe of [
    storeRecipe(path, other),
    fileRecipe(join(path, 'd', 'deep', 'large'), 100, 60_000),
  ]) {
    const whole = await bytesOf(recipe)
    for (const size of [1, 511, 512, 513, 4096, 65_536, whole.length]) {
      let cursor: ArchiveCursor | undefined
      // All of them would take long for single bytes.
      const from = size === 1 ? Math.max(0, whole.length - 3000) : 0
      for (let start = from; start < whole.length; start += size) {
        const into = new Uint8Array(Math.min(size, whole.length - start)).fill(0xee)
        const next = writeSlice({ recipe, start, into, cursor })
        assert.ok(Buffer.from(into).equals(whole.subarray(start, start + into.length)), `${start} of ${size}`)
        const again = new Uint8Array(into.length).fill(0xdd)
        writeSlice({ recipe, start, into: again })
        assert.deepEqual(again, into)
        cursor = next
      }
    }
  }
})

test('files that changed in the last seconds are fresh, older ones are not', () => {
  writeFileSync(join(path, 'file'), 'content')
  assert.equal(checksumLayer({ paths: [path], owner }).fresh, true)
  utimesSync(join(path, 'file'), 1, 1)
  assert.equal(checksumLayer({ paths: [path], owner }).fresh, true, 'a time that was set back does not count')
  assert.equal(checksumLayer({ paths: [process.execPath], owner }).fresh, false)
})
