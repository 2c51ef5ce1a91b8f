/** Compressed data: the bytes that went in, or an error; never other bytes where the format has a checksum. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { closeSync, openSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { ImageError } from '../../src/errors.js'
import { decompress } from '../../src/layers/decompress.js'
import type { Compression } from '../../src/model/compression.js'
import { randomSequence } from '../support/random-sequence.js'
import { scratchDirectory } from '../support/scratch.js'

const path = join(scratchDirectory(), 'data')

type Packed = Exclude<Compression, 'none'>

const PROGRAMS: Record<Packed, string[]> = {
  gzip: ['gzip'],
  bzip2: ['bzip2'],
  xz: ['xz'],
  zstd: ['zstd', '-q'],
}
const KINDS = Object.keys(PROGRAMS) as Packed[]

function pack(bytes: Buffer, command: readonly string[]): Buffer {
  const { stdout, status, stderr } = spawnSync(command[0]!, command.slice(1), {
    input: bytes,
    maxBuffer: 1 << 28,
  })
  assert.equal(status, 0, String(stderr))
  return stdout
}

/** Text of a small alphabet: literals, matches and entropy coding all have work. */
function text(length: number, seed: number): Buffer {
  const random = randomSequence(seed)
  return Buffer.from(Array.from({ length }, () => 97 + Math.floor(random() ** 3 * 20)))
}

/** SHA-256 of what comes out, or the error's message. */
async function unpack(bytes: Buffer, kind: Packed): Promise<string> {
  writeFileSync(path, bytes)
  const fd = openSync(path, 'r')
  try {
    const hash = createHash('sha256')
    for await (const piece of decompress(fd, kind)) hash.update(piece)
    return hash.digest('hex')
  } catch (error) {
    assert.ok(error instanceof ImageError && error.code === 'IMAGE_INVALID', String(error))
    assert.doesNotMatch(error.message, /\n/)
    return error.message
  } finally {
    closeSync(fd)
  }
}

const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')

const plain = text(150_000, 3)

for (const kind of KINDS) {
  test(`${kind}: one bit flipped anywhere is an error, or changes nothing`, async () => {
    const packed = pack(plain, PROGRAMS[kind])
    const random = randomSequence(11)
    let failed = 0
    for (let round = 0; round < 150; round++) {
      const damaged = Buffer.from(packed)
      const at = Math.floor(random() * damaged.length)
      damaged[at] = damaged[at]! ^ (1 << Math.floor(random() * 8))
      const found = await unpack(damaged, kind)
      if (found !== sha256(plain)) {
        assert.match(found, /damaged|expected/, `bit at ${at}`)
        failed++
      }
    }
    assert.ok(failed > 140, `${failed} of 150`)
  })

  test(`${kind}: cut short anywhere is an error`, async () => {
    const packed = pack(plain, PROGRAMS[kind])
    for (const part of [0.1, 0.5, 0.9]) {
      const found = await unpack(packed.subarray(0, Math.floor(packed.length * part)), kind)
      assert.match(found, /its .* data is damaged: /)
    }
    assert.match(await unpack(packed.subarray(0, packed.length - 1), kind), /damaged/)
  })

  test(`${kind}: several streams are one; what is none behind them is left out, or an error`, async () => {
    const parts = [plain.subarray(0, 1000), plain.subarray(1000, 1000), plain.subarray(1000)]
    const packed = Buffer.concat(parts.map((part) => pack(part, PROGRAMS[kind])))
    assert.equal(await unpack(packed, kind), sha256(plain))
    const trailer = Buffer.from('something else that is longer than a header of any of them')
    const found = await unpack(Buffer.concat([packed, trailer]), kind)
    if (kind === 'gzip') assert.match(found, /something else follows it/)
    else assert.equal(found, sha256(plain))
    for (const zeros of [1, 3, 4, 4096])
      assert.equal(
        await unpack(Buffer.concat([packed, Buffer.alloc(zeros)]), kind),
        sha256(plain),
        `${zeros}`,
      )
  })
}

test('zstd: without a checksum too, what comes out is what went in, whatever level and window', async () => {
  for (const options of [['--no-check'], ['-1'], ['-19'], ['--long=26'], ['--no-content-size', '-1']])
    assert.equal(await unpack(pack(plain, ['zstd', '-q', ...options]), 'zstd'), sha256(plain), options[0])
})

test('zstd: skippable frames before, between and after others', async () => {
  const skippable = Buffer.concat([Buffer.from([0x5a, 0x2a, 0x4d, 0x18, 3, 0, 0, 0]), Buffer.from('abc')])
  const packed = pack(plain, PROGRAMS.zstd)
  const all = Buffer.concat([skippable, packed, skippable, packed, skippable])
  assert.equal(await unpack(all, 'zstd'), sha256(Buffer.concat([plain, plain])))
  assert.match(await unpack(Buffer.concat([packed, skippable.subarray(0, 9)]), 'zstd'), /cut short/)
})

test('zstd: 200,000 blocks of a byte each', async () => {
  const blocks = Buffer.alloc(4 * 200_000)
  for (let i = 0; i < 200_000; i++)
    blocks.writeUInt32LE((0x61 << 24) | (1 << 3) | Number(i === 199_999), 4 * i)
  const header = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x50])
  const found = await unpack(Buffer.concat([header, blocks]), 'zstd')
  assert.equal(found, sha256(Buffer.alloc(200_000, 'a')))
})

test('zstd: windows over 64 MiB and their frames of any size are refused before memory is asked for', async () => {
  const frame = (descriptor: number, ...rest: number[]): Buffer =>
    Buffer.concat([Buffer.from([0x28, 0xb5, 0x2f, 0xfd, descriptor, ...rest]), Buffer.alloc(32)])
  const refused = /zstd data: expected a window of at most 64 MiB, found \d+ MiB$/
  assert.match(await unpack(frame(0x00, (18 << 3) | 0), 'zstd'), refused)
  assert.match(await unpack(frame(0x00, (17 << 3) | 1), 'zstd'), refused)
  assert.match(await unpack(frame(0x00, 0xff), 'zstd'), refused)
  // A single segment's window is its size.
  assert.match(await unpack(frame(0xe0, 0, 0, 0, 0, 1, 0, 0, 0), 'zstd'), refused)
  assert.match(await unpack(frame(0xa0, 1, 0, 0, 8), 'zstd'), refused)
})

test('xz: dictionaries over 64 MiB, other filters and other checks are told by name', async () => {
  const xz = (...options: string[]): Promise<string> => unpack(pack(plain, ['xz', ...options]), 'xz')
  assert.equal(await xz('-9'), sha256(plain))
  assert.equal(await xz('--check=crc32'), sha256(plain))
  assert.equal(await xz('--check=none'), sha256(plain))
  assert.match(await xz('--lzma2=preset=0,dict=65MiB'), /dictionary of at most 64 MiB/)
  assert.match(await xz('--check=sha256'), /a check that is none, CRC32 or CRC64/)
  assert.match(await xz('--x86', '--lzma2=preset=0'), /an LZMA2 filter alone/)
})

test('a reader that leaves early can be followed by others, whose memory is that of one', async () => {
  const large = Buffer.concat([plain, Buffer.alloc(2 << 20)])
  for (const kind of KINDS) {
    const packed = pack(large, kind === 'zstd' ? ['zstd', '-q', '--long=26'] : PROGRAMS[kind])
    for (let round = 0; round < (kind === 'zstd' ? 20 : 3); round++) {
      writeFileSync(path, packed)
      const fd = openSync(path, 'r')
      for await (const piece of decompress(fd, kind)) {
        assert.ok(piece.length > 0)
        break
      }
      closeSync(fd)
    }
    assert.equal(await unpack(packed, kind), sha256(large), kind)
  }
  assert.ok(process.resourceUsage().maxRSS < 450_000, `${process.resourceUsage().maxRSS} kB`)
})

test('what was unpacked is not left to the garbage collector', async () => {
  const zeros = Buffer.alloc(64 << 20)
  for (const kind of KINDS) {
    writeFileSync(path, pack(zeros, [...PROGRAMS[kind], '-1']))
    const fd = openSync(path, 'r')
    const before = process.memoryUsage().arrayBuffers
    let most = 0
    let length = 0
    for await (const piece of decompress(fd, kind)) {
      length += piece.length
      most = Math.max(most, process.memoryUsage().arrayBuffers - before)
    }
    closeSync(fd)
    assert.equal(length, zeros.length)
    // A block of bzip2 may be a few megabytes of zeros.
    assert.ok(most < 16 << 20, `${kind}: ${most} bytes`)
  }
})
