/** Parts: every slot of every archive is in one part, however many threads claim them. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { CLAIMED, createRing, LEAVE, SLOT_BYTES } from '../../src/ring/layout.js'
import { announceParts, PART_BYTES, Parts, slotsOf, unclaimedBytes } from '../../src/ring/parts.js'
import { PartWriter } from '../../src/ring/writer.js'

const sizes = fc.array(
  fc.oneof(
    fc.nat(4 * PART_BYTES),
    fc.nat(4).map((count) => count * PART_BYTES),
    fc.nat(9).map((count) => count * SLOT_BYTES),
  ),
  { maxLength: 6 },
)

describe('parts', () => {
  test('follow each other without a gap, in slots and in each archive, and end with the last one', () => {
    fc.assert(
      fc.property(sizes, fc.nat(1000), (of, first) => {
        const parts = new Parts(of, first)
        const ends = of.map(() => 0)
        let slot = first
        let index = 0
        for (let part = parts.at(index); part !== undefined; part = parts.at(++index)) {
          assert.equal(part.slot, slot)
          assert.equal(part.start, ends[part.archive])
          ends[part.archive] = Math.min(of[part.archive]!, part.start + part.slots * SLOT_BYTES)
          slot += part.slots
        }
        assert.deepEqual(ends, of)
        assert.equal(slot, first + of.reduce((sum, size) => sum + slotsOf(size), 0))
        const ring = createRing()
        announceParts(ring, of)
        assert.equal(unclaimedBytes(ring), index * PART_BYTES)
      }),
    )
  })

  test('are found by who asks only for some of them', () => {
    fc.assert(
      fc.property(sizes, fc.array(fc.nat(5), { maxLength: 8 }), (of, steps) => {
        const all = new Parts(of, 0)
        const known = Array.from({ length: 40 }, (_, i) => all.at(i))
        const some = new Parts(of, 0)
        let index = 0
        for (const step of steps) {
          index = Math.min(39, index + step)
          assert.deepEqual(some.at(index), known[index])
        }
      }),
    )
  })
})

describe('a thread', () => {
  test('that helps claims nothing more when it is wanted elsewhere, who owns the production does', () => {
    const size = 3 * PART_BYTES
    for (const mayLeave of [true, false]) {
      const ring = createRing()
      announceParts(ring, [size])
      const writer = new PartWriter(ring, new Parts([size], 0), mayLeave)
      assert.equal(writer.next(), 0)
      ring.control[LEAVE] = 1
      for (let done = 0; done < PART_BYTES; done += SLOT_BYTES) writer.accept(writer.lend().length)
      assert.equal(writer.next(), mayLeave ? undefined : 0)
      assert.equal(ring.control[CLAIMED], mayLeave ? 1 : 2)
    }
  })

  test('skips what another has claimed', () => {
    const size = 3 * PART_BYTES
    const ring = createRing()
    announceParts(ring, [size])
    const [one, two] = [0, 0].map(() => new PartWriter(ring, new Parts([size], 0), false))
    one!.next()
    two!.next()
    assert.deepEqual([one!.start, two!.start], [0, PART_BYTES])
    for (let done = 0; done < PART_BYTES; done += SLOT_BYTES) one!.accept(one!.lend().length)
    assert.equal(one!.start, 2 * PART_BYTES)
    for (let done = 0; done < PART_BYTES; done += SLOT_BYTES) two!.accept(two!.lend().length)
    assert.equal(two!.start, Number.POSITIVE_INFINITY)
    assert.equal(two!.next(), undefined)
  })
})
