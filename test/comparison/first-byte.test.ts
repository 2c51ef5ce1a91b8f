import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { FirstByte } from '../../src/comparison/first-byte.js'
import { Side } from '../../src/comparison/side.js'
import { inRun } from '../../src/in-run.js'
import { openAny } from '../../src/sources/any.js'
import { scratchDirectory } from '../support/scratch.js'
import { layerBytes, smallImage, writeArchive } from './small-image.js'

test('places are looked up in any order, by one stream of each layer', async (t) => {
  const [first, second] = [smallImage(), smallImage()]
  second.layers[1]!.members[4]!.data.write('RUN', 50)
  const root = scratchDirectory()
  await inRun({ threads: 1 }, async (run) => {
    const sides = [first, second].map(async (image, i) => {
      const any = await openAny(writeArchive(join(root, `${i}.tar`), image), run)
      return Side.open(`${i}`, any.image, any.storeDir, run)
    })
    const [from, to] = await Promise.all(sides)
    const opened = [from!, to!].map((side) => t.mock.method(side, 'slices').mock)
    const size = layerBytes(first.layers[1]!).length
    const at = firstOf(first, second)
    const bytes = new FirstByte()
    const find = (offset: number) => {
      const [a, b] = [from!, to!].map((side) => ({
        ...{ side, layer: 1, archive: size, offset, size: size - offset },
      }))
      return bytes.find(a!, b!)
    }
    assert.equal(await find(at + 1), 0)
    assert.equal(await find(0), at)
    assert.equal(await find(size - 512), undefined)
    assert.equal(await find(512), at - 512)
    assert.deepEqual(
      opened.map(({ calls }) => calls.length),
      [1, 1],
    )
  })
})

function firstOf(...images: ReturnType<typeof smallImage>[]): number {
  const [a, b] = images.map((image) => layerBytes(image.layers[1]!))
  return a!.findIndex((byte, i) => byte !== b![i])
}
