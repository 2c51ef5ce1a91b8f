import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { compressor } from '../../src/layers/compress.js'
import type { Sink } from '../../src/layers/sink.js'
import type { BlobKind } from '../../src/model/compression.js'
import { skipWithout } from '../support/clients.js'

/** A sink that keeps everything. */
class Collector implements Sink {
  private readonly buffer = Buffer.alloc(256 * 1024)
  private readonly parts: Buffer[] = []

  lend(): Buffer {
    return this.buffer
  }

  accept(used: number): void {
    this.parts.push(Buffer.from(this.buffer.subarray(0, used)))
  }

  bytes(): Buffer {
    return Buffer.concat(this.parts)
  }
}

async function compress(kind: BlobKind, level: number, content: Buffer): Promise<Buffer> {
  const out = new Collector()
  const sink = await compressor({ kind, level }, out)
  for (let at = 0; at < content.length; ) {
    const count = content.copy(sink.lend(), 0, at)
    sink.accept(count)
    at += count
  }
  sink.finish()
  return out.bytes()
}

/** Content of any size up to 4 MB, of which some compresses and some does not. */
const content = fc
  .record({ size: fc.integer({ min: 0, max: 4 << 20 }), seed: fc.integer(), noise: fc.boolean() })
  .map(({ size, seed, noise }) => {
    const unit = createHash('sha512').update(String(seed)).digest()
    const bytes = Buffer.alloc(size, unit)
    if (noise) for (let i = 0; i < size; i++) bytes[i] = bytes[i]! ^ (Math.imul(i, 2654435761) >>> 24)
    return bytes
  })

for (const [kind, levels] of [
  ['gzip', 9],
  ['zstd', 12],
] as const) {
  test(`${kind} itself reads it, and it is the same each time`, { skip: skipWithout(kind) }, async () => {
    const level = fc.integer({ min: 1, max: levels })
    await fc.assert(
      fc.asyncProperty(content, level, async (bytes, chosen) => {
        const packed = await compress(kind, chosen, bytes)
        const { stdout, status, stderr } = spawnSync(kind, ['-dcq'], { input: packed, maxBuffer: 1 << 28 })
        if (bytes.length > 0) assert.equal(status, 0, stderr.toString())
        assert.ok(stdout.equals(bytes))
        assert.ok((await compress(kind, chosen, bytes)).equals(packed))
      }),
      { numRuns: 25 },
    )
  })
}

test('none changes nothing', async () => {
  const bytes = Buffer.from('content')
  assert.deepEqual(await compress('none', 0, bytes), bytes)
})
