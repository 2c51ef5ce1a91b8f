import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { gunzipSync, gzipSync } from 'node:zlib'
import { encoder } from '../../src/layers/encoders.js'

const PIECE = 1 << 20
const memory = Buffer.from(new SharedArrayBuffer(PIECE + (PIECE >> 6)))

test('a gzip member is what zlib makes in whatever buffers, in place of what it was made from', async () => {
  const encode = await encoder('gzip')
  const noise = randomBytes(PIECE)
  const text = Buffer.from('some text that is repeated, '.repeat(PIECE / 28))
  for (const level of [1, 4, 9]) {
    for (const bytes of [
      noise,
      text,
      noise.subarray(0, 3),
      Buffer.alloc(0),
      Buffer.concat([text, noise], PIECE),
    ]) {
      memory.set(bytes)
      const length = encode(memory.subarray(0, bytes.length), level, memory)
      assert.ok(memory.subarray(0, length).equals(gzipSync(bytes, { level })))
      assert.ok(gunzipSync(memory.subarray(0, length)).equals(bytes))
    }
  }
})

test('what was compressed leaves no memory behind that waits to be collected', async () => {
  const encode = await encoder('gzip')
  const noise = randomBytes(PIECE)
  encode(noise, 1, memory)
  const before = process.memoryUsage().arrayBuffers
  for (let i = 0; i < 24; i++) encode(noise, 1, memory)
  const more = process.memoryUsage().arrayBuffers - before
  assert.ok(more < 8 * PIECE, `${more} bytes`)
})
