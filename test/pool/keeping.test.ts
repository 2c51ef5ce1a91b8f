/** Memory for what is kept: bounded, each layer's own, and used again. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { KEPT_CHUNK } from '../../src/layers/kept.js'
import { Keeping } from '../../src/pool/keeping.js'

const ALL = (16 << 20) / KEPT_CHUNK

/** How many chunks a keeping still has. */
function left(keeping: Keeping): number {
  const chunks = keeping.take(Number.POSITIVE_INFINITY)
  keeping.giveBack(chunks)
  assert.equal(new Set(chunks).size, chunks.length)
  return chunks.length
}

test('there are 16 MiB, of which one layer gets a part', () => {
  const keeping = new Keeping()
  assert.equal(left(keeping), ALL)
  const leases = Array.from({ length: 20 }, () => keeping.lease())
  const taken = leases.flatMap((lease) => [...lease.take()])
  assert.deepEqual([taken.length, new Set(taken).size], [ALL, ALL])
  assert.equal(left(keeping), 0)
  for (const lease of leases) lease.end(0)
  assert.equal(left(keeping), ALL)
  assert.equal(keeping.lease().take(10 * ALL).length, ALL / 2)
})

test('what a pass did not need is given back at once, the rest by whoever takes it, once', () => {
  const keeping = new Keeping()
  const lease = keeping.lease()
  const [first] = lease.take(5)
  const kept = lease.end(1)
  assert.equal(left(keeping), ALL - 1)
  const memory = kept.take()
  assert.deepEqual(memory, [first])
  assert.deepEqual(kept.take(), [])
  kept.giveBack([])
  assert.equal(left(keeping), ALL - 1)
  kept.giveBack(memory)
  assert.equal(left(keeping), ALL)
  // It would have taken more than there was.
  const small = keeping.lease()
  const all = small.take(2)
  assert.deepEqual(small.end(7).take(), all)
})
