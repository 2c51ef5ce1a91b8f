/** Contents that are kept between two passes: the same archive, wherever memory ends, and no file is read that has a place. */
import assert from 'node:assert/strict'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import * as fc from 'fast-check'
import { measureArchive, writeArchive } from '../../src/layers/archive.js'
import { checksumLayer } from '../../src/layers/checksum.js'
import { KEPT_CHUNK, type KeptMemory, placeFrom } from '../../src/layers/kept.js'
import type { Sink } from '../../src/layers/sink.js'
import { planStorePaths } from '../../src/layers/walk.js'
import { HARD_CASES } from '../support/hard-cases.js'
import { scratchDirectory } from '../support/scratch.js'

const root = scratchDirectory()
const OWNER = { mtime: 1, uid: 0n, gid: 0n, uname: 'root', gname: 'root' }
let count = 0

function chunks(number: number): KeptMemory {
  return Array.from({ length: number }, () => new Uint8Array(new SharedArrayBuffer(KEPT_CHUNK)).fill(0xaa))
}

/** A store path with files of these sizes, of which each has bytes of its own. */
function makeFiles(sizes: readonly number[]): string {
  const path = join(root, String(count++))
  mkdirSync(path)
  for (const [i, size] of sizes.entries()) writeFileSync(join(path, `${i}`), Buffer.alloc(size, `${i}:`))
  return path
}

function written(plan: Uint8Array, memory: KeptMemory, isFilled: boolean, recheck = false): Buffer {
  const parts: Buffer[] = []
  const buffer = Buffer.alloc(1024)
  const sink: Sink = {
    lend: () => buffer,
    accept: (used) => parts.push(Buffer.from(buffer.subarray(0, used))),
  }
  writeArchive(plan, OWNER, sink, { recheck, kept: { memory, isFilled } })
  return Buffer.concat(parts)
}

describe('an archive of kept contents', () => {
  for (const [i, { name, make }] of HARD_CASES.entries())
    test(`is the same of ${name}`, () => {
      const store = join(root, `hard-${i}`)
      mkdirSync(store)
      const { plan } = planStorePaths((make(store).store_layers ?? []).flat())
      const memory = chunks(2)
      const first = written(plan, memory, false)
      assert.ok(written(plan, memory, true, true).equals(first))
    })

  test('is the same with as much memory as there is, for files of any size', () => {
    const size = fc.oneof(fc.nat(300), fc.integer({ min: 8190, max: 8194 }), fc.nat(20_000))
    fc.assert(
      fc.property(fc.array(size, { maxLength: 200 }), fc.nat(3), (sizes, number) => {
        const path = makeFiles(sizes)
        const { plan } = planStorePaths([path])
        const plain = written(plan, [], true)
        const memory = chunks(number)
        assert.ok(written(plan, memory, false).equals(plain))
        assert.ok(written(plan, memory, true, true).equals(plain))
        rmSync(path, { recursive: true })
      }),
      { numRuns: 30 },
    )
  })

  test('is written though its files are gone, as long as they have a place', () => {
    const sizes = Array.from({ length: 300 }, (_, i) => (i * 97) % 8193)
    const path = makeFiles(sizes.filter((size) => size > 0))
    const memory = chunks(measureArchive(planStorePaths([path]).plan, OWNER).chunks)
    assert.equal(memory.length > 1, true)
    const { plan, chunks: used } = checksumLayer({ paths: [path], owner: OWNER, memory })
    assert.equal(used, memory.length)
    const before = written(plan, [], true)
    rmSync(path, { recursive: true })
    assert.ok(written(plan, memory, true).equals(before))
    assert.throws(() => written(plan, memory.slice(1), true), { code: 'FILE_CHANGED' })
  })
})

test('no place lies in two chunks, or over another', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 8192 }), { maxLength: 400 }), (sizes) => {
      let next = 0
      for (const size of sizes) {
        const place = placeFrom(next, size)
        assert.ok(place >= next)
        assert.equal(Math.floor(place / KEPT_CHUNK), Math.floor((place + size - 1) / KEPT_CHUNK))
        next = place + size
      }
    }),
  )
})
