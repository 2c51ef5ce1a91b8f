import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { type ArchiveCursor, writeArchive } from '../../src/layers/archive.js'
import type { Sink } from '../../src/layers/sink.js'
import { writeSlice } from '../../src/layers/slices.js'
import { planStorePaths } from '../../src/layers/walk.js'
import type { Owner } from '../../src/model/owner.js'
import type { Recipe } from '../../src/model/recipe.js'
import { HARD_CASES } from '../support/hard-cases.js'
import { scratchDirectory } from '../support/scratch.js'

const OWNER: Owner = { mtime: 1, uid: 0n, gid: 0n, uname: 'root', gname: 'root' }

/** Keeps everything. */
class BufferSink implements Sink {
  private readonly parts: Buffer[] = []
  private lent = Buffer.alloc(0)

  lend(): Buffer {
    this.lent = Buffer.alloc(64 * 1024)
    return this.lent
  }

  accept(used: number): void {
    this.parts.push(this.lent.subarray(0, used))
  }

  get bytes(): Buffer {
    return Buffer.concat(this.parts)
  }
}

function slice(recipe: Recipe, start: number, length: number, cursor?: ArchiveCursor) {
  const into = new Uint8Array(new SharedArrayBuffer(length)).fill(0xaa)
  const next = writeSlice({ recipe, start, into, cursor })
  return { bytes: Buffer.from(into), next }
}

describe('slices', () => {
  const root = scratchDirectory()
  for (const [i, { name, make }] of HARD_CASES.entries())
    test(`of ${name}: from any byte on, and one after the other, they are the archive`, () => {
      const store = join(root, String(i))
      mkdirSync(store)
      writeFileSync(join(store, 'plain'), 'x'.repeat(5000))
      const { store_layers: layers = [], uid, uname } = make(store)
      const owner = { ...OWNER, uid: BigInt(uid ?? 0), uname: uname ?? 'root' }
      const { plan } = planStorePaths([...layers.flat(), join(store, 'plain')])
      const sink = new BufferSink()
      writeArchive(plan, owner, sink, { recheck: true })
      const whole = sink.bytes
      const recipe: Recipe = { kind: 'store', plan, owner }
      fc.assert(
        fc.property(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 9000 }), (start, wanted) => {
          const length = Math.min(wanted, whole.length - start)
          assert.ok(slice(recipe, start, length).bytes.equals(whole.subarray(start, start + length)))
        }),
        { numRuns: 40 },
      )
      for (const size of [511, 512, 4096, 10_000]) {
        let cursor: ArchiveCursor | undefined
        const parts: Buffer[] = []
        for (let at = 0; at < whole.length; at += size) {
          const { bytes, next } = slice(recipe, at, Math.min(size, whole.length - at), cursor)
          parts.push(bytes)
          cursor = next
          if (at > 40 * size) break
        }
        const found = Buffer.concat(parts)
        assert.ok(found.equals(whole.subarray(0, found.length)), `${size}`)
      }
    })
})
