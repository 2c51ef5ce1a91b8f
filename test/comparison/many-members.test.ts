/** Store paths with very many members, and members with very long headers, of which all or nothing is compared. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import type { PathChange } from '../../src/comparison/result.js'
import { diffImages } from '../../src/diff-images.js'
import { scratchDirectory } from '../support/scratch.js'
import { APP, member, type SmallMember, smallImage, writeArchive } from './small-image.js'

const root = scratchDirectory()

/** What differs of the path that has these members in one image and those in another. */
async function changeOf(from: readonly SmallMember[], to: readonly SmallMember[]): Promise<PathChange> {
  const [a, b] = [from, to].map((members, i) => {
    const image = smallImage()
    image.layers[1]!.members.push(...members)
    return writeArchive(join(root, `${i}.tar`), image)
  })
  const { layers } = await diffImages({ from: a!, to: b!, threads: 1 })
  assert.equal(layers.length, 1)
  assert.equal(layers[0]!.paths.length, 1)
  return layers[0]!.paths[0]!
}

const files = (count: number, data: string, fields: Partial<SmallMember> = {}): SmallMember[] =>
  Array.from({ length: count }, (_, i) => member(`${APP}/share/${i}`, data, fields))

test('of twenty thousand files with other contents each one is told', async () => {
  const { differing, isTooLarge } = await changeOf(files(21_000, 'a'), files(21_000, 'b'))
  assert.equal(isTooLarge, undefined)
  assert.equal(differing.length, 21_000)
  const fields = differing.map(({ fields }) => fields.map(({ field }) => field).join())
  assert.deepEqual([...new Set(fields)], ['contents'])
  assert.deepEqual(differing[0]!.fields, [{ field: 'contents', from: 1, to: 1, offset: 0 }])
})

test('files that come before, behind and twice are paired with what is called the same', async () => {
  const [first, second] = [files(4, 'a'), files(4, 'a')]
  const twice = member(`${APP}/share/2`, 'again')
  const change = await changeOf(
    [...first, twice],
    [
      ...second.slice(0, 2),
      member(`${APP}/share/new`),
      ...second.slice(3),
      second[2]!,
      member(twice.name, 'other'),
    ],
  )
  const told = change.differing.map(({ change, name, fields }) => [
    change,
    name.slice(APP.length),
    fields.length,
  ])
  assert.deepEqual(told, [
    ['added', '/share/new', 0],
    ['changed', '/share/2', 1],
  ])
  assert.equal(change.isReordered, true)
})

test('members whose headers would fill the memory are too large to compare', async () => {
  const long = (text: string) => files(200, '', { pax: new Map([['comment', text.repeat(100_000)]]) })
  const { differing, isTooLarge } = await changeOf(long('a'), long('b'))
  assert.deepEqual([differing, isTooLarge], [[], true])
})
