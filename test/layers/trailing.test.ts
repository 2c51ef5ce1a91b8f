/** What lies behind a base image's archive, or before it: read as CPython's tarfile reads it, or one error. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { openBase } from '../../src/layers/base.js'
import { evaluate, skipWithoutPython } from '../support/python.js'
import { block, ending } from '../support/raw-tar.js'
import { scratchDirectory } from '../support/scratch.js'

const path = join(scratchDirectory(), 'base')
const layer = block({ name: 'l', data: 'x' })
const whole = Buffer.concat([layer, ending(['l'])])
const unended = whole.subarray(0, whole.findLastIndex((byte) => byte !== 0) + 1)
const cut = Buffer.concat([unended, Buffer.alloc(-unended.length & 511)])

const PROGRAMS = { gzip: ['gzip'], bzip2: ['bzip2'], xz: ['xz'], zstd: ['zstd', '-q'] }
type Kind = keyof typeof PROGRAMS

function pack(kind: Kind, input: Buffer): Buffer {
  const [program, ...args] = PROGRAMS[kind]
  return spawnSync(program!, args, { input }).stdout
}

/** How many layers there are, or the error's code. */
async function read(...parts: Buffer[]): Promise<number | string> {
  writeFileSync(path, Buffer.concat(parts))
  return openBase({ path }).then(
    ({ layers }) => layers.length,
    (error: { code: string; message: string }) => {
      assert.doesNotMatch(error.message, /\n/)
      return error.code
    },
  )
}

/** What is compared with CPython at the end: archives in base64, and whether it is to find the manifest. */
const compared: { archive: string; reads: boolean }[] = []

async function compare(reads: boolean, ...parts: Buffer[]): Promise<void> {
  compared.push({ archive: Buffer.concat(parts).toString('base64'), reads })
  assert.equal(await read(...parts), reads ? 1 : 'IMAGE_INVALID')
}

const BEHIND: Record<string, Buffer> = {
  'a byte': Buffer.from('g'),
  garbage: Buffer.from('garbage'),
  'more garbage': Buffer.alloc(300_000, 'something else '),
  'a zero': Buffer.alloc(1),
  'three zeros': Buffer.alloc(3),
  'four zeros': Buffer.alloc(4),
  'many zeros': Buffer.alloc(200_000),
  'zeros and garbage': Buffer.concat([Buffer.alloc(64), Buffer.from('garbage')]),
}

describe('behind the data', () => {
  for (const kind of Object.keys(PROGRAMS) as Kind[])
    for (const [name, behind] of Object.entries(BEHIND))
      test(`${kind}: ${name}`, async () => {
        // CPython before 3.14 has no zstd.
        if (kind === 'zstd') assert.equal(await read(pack(kind, whole), behind), 1)
        else await compare(true, pack(kind, whole), behind)
      })

  test('gzip: an archive without an end may be followed by zeros, and by nothing else', async () => {
    await compare(true, pack('gzip', cut), Buffer.alloc(700))
    await compare(false, pack('gzip', cut), Buffer.from('garbage'))
  })

  test('gzip: zeros between members, garbage between members', async () => {
    const [a, b] = [whole.subarray(0, 700), whole.subarray(700)]
    await compare(true, pack('gzip', a), Buffer.alloc(5), pack('gzip', b))
    await compare(false, pack('gzip', a), Buffer.from('xx'), pack('gzip', b))
  })

  for (const kind of Object.keys(PROGRAMS) as Kind[])
    test(`${kind}: an archive that is cut short, with zeros or garbage behind it`, async () => {
      const packed = pack(kind, whole)
      for (const behind of [Buffer.alloc(0), Buffer.alloc(64), Buffer.from('garbage')])
        assert.equal(await read(packed.subarray(0, packed.length - 9), behind), 'IMAGE_INVALID')
    })
})

test('behind the archive, within the data', async () => {
  const garbage = Buffer.alloc(2000, 'x')
  await compare(true, whole, garbage)
  await compare(true, layer, ending(['l']).subarray(0, -512), garbage)
  for (const kind of Object.keys(PROGRAMS) as Kind[])
    assert.equal(await read(pack(kind, Buffer.concat([whole, garbage]))), 1, kind)
})

test('zstd: a frame that is skipped comes first', async () => {
  const frame = Buffer.concat([Buffer.from([0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0]), Buffer.from('abcd')])
  assert.equal(await read(frame, pack('zstd', whole)), 1)
  assert.equal(await read(frame, whole), 'IMAGE_INVALID')
})

test('LZMA alone is refused', async () => {
  const packed = spawnSync('xz', ['--format=lzma'], { input: whole }).stdout
  assert.equal(await read(packed), 'IMAGE_INVALID')
})

test('CPython reads the same archives, and no others', { skip: skipWithoutPython }, () => {
  const prelude = `
import base64, io, tarfile
def reads(archive):
    try:
        return bool(tarfile.open(fileobj=io.BytesIO(base64.b64decode(archive))).extractfile("manifest.json").read())
    except (OSError, tarfile.TarError):
        return False`
  assert.ok(compared.length > 25)
  const found = evaluate(
    'reads(x)',
    compared.map(({ archive }) => archive),
    prelude,
  )
  assert.deepEqual(
    found,
    compared.map(({ reads }) => reads),
  )
})
