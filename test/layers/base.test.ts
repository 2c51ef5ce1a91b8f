/** Base images whose archives were made to take time or memory: what they say, or one error, in time that grows with their size. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { ImageError } from '../../src/errors.js'
import { type BaseImage, openBase } from '../../src/layers/base.js'
import { block, ending, extended, type RawMember, record } from '../support/raw-tar.js'
import { scratchDirectory } from '../support/scratch.js'

const path = join(scratchDirectory(), 'base.tar')
const layer = block({ name: 'l', data: 'x' })
/** As much as one member's headers may hold. */
const MOST = (1 << 20) - 2048

function open(...parts: Buffer[]): Promise<BaseImage> {
  writeFileSync(path, Buffer.concat(parts))
  return openBase({ path })
}

async function failure(...parts: Buffer[]): Promise<string> {
  const error = await open(...parts).then(
    () => assert.fail('it was opened'),
    (thrown: unknown) => thrown,
  )
  assert.ok(error instanceof ImageError && error.code === 'IMAGE_INVALID', String(error))
  assert.ok(error.message.length < 20_000 && !error.message.includes('\n'), error.message.slice(0, 200))
  return error.message
}

const many = (count: number, member: (i: number) => RawMember): Buffer =>
  Buffer.concat(Array.from({ length: count }, (_, i) => block(member(i))))

// A quadratic step over a megabyte takes an hour, over ninety thousand members some minutes.
const BOUND = { timeout: 120_000 }

describe('headers of the largest permitted size', BOUND, () => {
  const harmless: [string, string][] = [
    ['digits alone', '1'.repeat(MOST)],
    ['digits before what is no charset', `${'1'.repeat(MOST)} hdrcharse`],
    ['a number of many digits', record('uid', '1'.repeat(MOST - 100))],
    ['a time of many digits that is none', record('mtime', `${'1'.repeat(MOST - 100)}x`)],
    ['a time of many digits and underscores', record('mtime', `${'1_1'.repeat(MOST / 3 - 100)}_`)],
    ['80,000 records', Array.from({ length: 80_000 }, (_, i) => record(`${i}`, '')).join('')],
  ]
  for (const [name, payload] of harmless)
    test(name, async () =>
      assert.equal((await open(extended(payload), layer, ending(['l']))).layers.length, 1),
    )
  const named: [string, string][] = [
    ['slashes', `${'/'.repeat(MOST - 100)}x`],
    ['slashes at the end', `a${'/'.repeat(MOST - 100)}`],
    ['steps up and down', 'a/../'.repeat(MOST / 5 - 100)],
    ['bytes that are no UTF-8', '\xff'.repeat(MOST - 100)],
  ]
  for (const [name, value] of named)
    test(`a name of ${name}`, async () => {
      const records = Buffer.from(record('path', value), 'latin1')
      assert.match(await failure(extended(records), layer, ending(['l'])), /expected the layer "l"/)
    })
  test('records whose lengths do not fit', async () => {
    for (const payload of [`${'5 abc'.repeat(MOST / 5)}=`, '1 hdrcharset=\n'.repeat(MOST / 14), '0 a=b\n'])
      assert.match(await failure(extended(payload), layer, ending(['l'])), /pax record .* does not fit/)
  })
  test('more than that, in one header or in many', async () => {
    const tooMuch = /headers of at most 1048576 bytes before each member/
    assert.match(await failure(extended('1'.repeat(2 << 20)), layer, ending(['l'])), tooMuch)
    const chain = Array.from({ length: 30 }, () => extended('1'.repeat(100_000)))
    assert.match(await failure(...chain, layer, ending(['l'])), tooMuch)
  })
})

describe('archives of many members', BOUND, () => {
  const records = Array.from({ length: 80_000 }, (_, i) => record(`${i}`, '')).join('')
  test('global records are shared by members, and bounded where each has a copy', async () => {
    const members = many(20_000, (i) => ({ name: `m${i}` }))
    const { layers } = await open(extended(records, 'g'), members, layer, ending(['l']))
    assert.equal(layers[0]!.member.pax?.size, 80_000)
    const own = Buffer.concat([extended(record('a', 'b')), block({ name: 'm' })])
    const all = Buffer.concat(Array.from({ length: 2000 }, () => own))
    assert.match(
      await failure(extended(records, 'g'), all, layer, ending(['l'])),
      /at most 500000 records and 32 MiB in all/,
    )
  })
  test('chains of 50,000 links, below 5,000 layers', async () => {
    const name = (i: number): string => `l${i}`
    const linkname = (i: number): string => (i === 0 ? 'l' : name(i - 1))
    const ends = Array.from({ length: 5000 }, (_, i) => name(49_999 - i))
    for (const type of ['1', '2']) {
      const links = many(50_000, (i) => ({ name: name(i), type, linkname: linkname(i) }))
      const { layers } = await open(layer, links, ending(ends))
      assert.ok(
        layers.every(({ range, member }) => range.offset === 512 && range.size === 1 && member.size === 0),
      )
    }
  })
  test('links written so that each must be normalised', async () => {
    const links = many(20_000, (i) => ({
      name: `./${i}`,
      type: '2',
      linkname: i === 0 ? 'l' : `.//${i - 1}`,
    }))
    const { layers } = await open(layer, links, ending(['./19999']))
    assert.deepEqual(layers[0]!.range, { offset: 512, size: 1 })
  })
  test('one name 50,000 times, each a hard link to the one before', async () => {
    const links = many(50_000, () => ({ name: 'l', type: '1', linkname: 'l' }))
    assert.deepEqual((await open(layer, links, ending(['l']))).layers[0]!.range, { offset: 512, size: 1 })
  })
  test('more than 100,000', async () => {
    assert.match(await failure(many(100_001, (i) => ({ name: `${i}` }))), /at most 100000 members/)
  })
})

describe('documents', BOUND, () => {
  const manifest = (data: string): Buffer => block({ name: 'manifest.json', data })
  test('more than 10,000 layers, however often one is listed', async () => {
    const listed = (count: number): string[] => Array.from({ length: count }, () => 'l')
    assert.equal((await open(layer, ending(listed(10_000)))).layers.length, 10_000)
    assert.match(await failure(layer, ending(listed(10_001))), /at most 10000 layers, found 10001/)
  })
  test('deep, wide and long ones', async () => {
    const size = 4 << 20
    assert.match(await failure(manifest('['.repeat(size))), /at most 990 levels of nesting/)
    assert.match(await failure(manifest('{"a":'.repeat(size / 5))), /at most 990 levels of nesting/)
    for (const item of ['{},', '1,', '[],', '"",'])
      assert.match(await failure(manifest(`[${item.repeat(size / 3 - 1)}`)), /at most 250000 values/)
    assert.match(await failure(manifest(`[1.${'1'.repeat(size - 10)}`)), /expected ","/)
    assert.match(await failure(manifest(`["${'\\n'.repeat(size / 2 - 8)}`)), /expected a value|a string/)
    assert.match(await failure(manifest(`[${' '.repeat(size)}]`)), /of at most 4 MiB/)
  })
  test('a name of millions of slashes, and one that is shown in part', async () => {
    assert.match(await failure(layer, ending([`${'/'.repeat(3_000_000)}l`])), /expected the layer "\/+…"/)
  })
  test('white space and a byte order mark before them, as json.load takes them', async () => {
    const image = JSON.stringify({ config: null, rootfs: { diff_ids: [`sha256:${'0'.repeat(64)}`] } })
    const list = JSON.stringify([{ Config: 'c', Layers: ['l'] }])
    const spaced = await open(layer, block({ name: 'c', data: `\ufeff${image}` }), manifest(` \n\t${list}`))
    assert.equal(spaced.layers.length, 1)
  })
  test('what only ends like one, where a new piece is read', async () => {
    const data = `${'x'.repeat(16 * 1024 - 512)}${JSON.stringify([{ Config: 'c', Layers: [] }])}`
    assert.match(await failure(manifest(data)), /of something else/)
  })
})

describe('layers', () => {
  test('a link carries the range that its data lies in, and stays a link', async () => {
    const links = many(2, (i) => ({ name: `d${i}/layer.tar`, type: `${i + 1}`, linkname: ['l', '../l'][i]! }))
    const { layers } = await open(layer, links, ending(['d0/layer.tar', 'd1/layer.tar', 'l']))
    for (const { range } of layers) assert.deepEqual(range, { offset: 512, size: 1 })
    assert.deepEqual(
      layers.map(({ member }) => [member.type, member.linkname, member.size]),
      [
        ['1', 'l', 0],
        ['2', '../l', 0],
        ['0', '', 1],
      ],
    )
  })
  test('a hard link leads to what was before it, a symbolic one to the last of that name', async () => {
    const parts = [
      block({ name: 'l', data: 'first' }),
      block({ name: 'hard', type: '1', linkname: './l' }),
      block({ name: 'soft', type: '2', linkname: 'l' }),
      block({ name: 'l', data: 'second' }),
    ]
    const { layers } = await open(...parts, ending(['hard', 'soft']))
    assert.deepEqual(
      layers.map(({ range }) => range),
      [
        { offset: 512, size: 5 },
        { offset: 2560, size: 6 },
      ],
    )
    assert.match(
      await failure(block({ name: 'hard', type: '1', linkname: 'l' }), layer, ending(['hard'])),
      /no such/,
    )
  })
  test('one of them more than once', async () => {
    assert.equal((await open(layer, ending(['l', 'l']))).layers.length, 2)
  })
})

test('compressed: what is behind the archive is read as far as its checksum, and no further', async () => {
  const archive = Buffer.concat([layer, ending(['l'])])
  const trailing = Buffer.concat([archive, Buffer.alloc(17 << 20)])
  for (const command of [['gzip'], ['bzip2'], ['xz'], ['zstd', '-q']]) {
    const pack = (input: Buffer): Buffer =>
      spawnSync(command[0]!, command.slice(1), { input, maxBuffer: 1 << 28 }).stdout
    const packed = pack(archive)
    assert.equal((await open(packed)).layers.length, 1)
    const damaged = Buffer.from(packed)
    damaged[damaged.length - 2]! ^= 1
    assert.match(await failure(damaged), /data is damaged/, command[0])
    assert.match(await failure(pack(trailing)), /at most 16 MiB behind the archive's end/, command[0])
  }
})

test('a FIFO, a device, a socket or a directory is one error at once', BOUND, async () => {
  const fifo = join(scratchDirectory(), 'fifo')
  assert.equal(spawnSync('mkfifo', [fifo]).status, 0)
  for (const [place, kind] of [
    [fifo, 'a FIFO'],
    ['/dev/zero', 'a device'],
    ['/', 'a directory'],
  ] as const) {
    await assert.rejects(openBase({ path: place }), {
      code: 'IMAGE_INVALID',
      message: `${place}: cannot be read: expected a regular file, found ${kind}`,
    })
  }
})
