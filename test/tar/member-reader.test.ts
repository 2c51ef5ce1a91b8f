import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Member } from '../../src/model/member.js'
import { MemberReader } from '../../src/tar/member-reader.js'
import { evaluate, skipWithoutPython } from '../support/python.js'
import { block, extended, record } from '../support/raw-tar.js'

/** What a reader tells of an archive that comes in pieces of a size. */
function read(
  archive: Buffer,
  piece = archive.length,
): { name: string; type: string; size: number; offset: number; contents: string }[] {
  const found: { name: string; type: string; size: number; offset: number; contents: string }[] = []
  const pieces: Buffer[] = []
  const reader = new MemberReader({
    member: (member: Member, offset, size) =>
      void found.push({ name: member.name, type: member.type, size, offset, contents: '' }),
    data: (bytes) => void pieces.push(Buffer.from(bytes)),
    end: () => {
      found.at(-1)!.contents = Buffer.concat(pieces.splice(0)).toString('latin1')
    },
  })
  for (let at = 0; at < archive.length; at += piece) reader.accept(archive.subarray(at, at + piece))
  reader.finish()
  return found
}

const MEMBERS = [
  block({ name: 'a', data: 'contents' }),
  block({ name: 'empty' }),
  block({ name: 'whole', data: Buffer.alloc(1024, 'x') }),
  extended(record('path', 'b'.repeat(300))),
  block({ name: 'short', data: 'of a long name' }),
  block({ name: 'd', type: '5' }),
  block({ name: 'link', type: '2', linkname: 'a' }),
  extended(record('comment', 'global'), 'g'),
  block({ name: '././@LongLink', type: 'L', data: `${'c'.repeat(200)}\0` }),
  block({ name: 'cut', data: 'y'.repeat(513) }),
]
const ARCHIVE = Buffer.concat([...MEMBERS, Buffer.alloc(1024)])
const EXPECTED = [
  ['a', '0', 8, 0, 'contents'],
  ['empty', '0', 0, 1024, ''],
  ['whole', '0', 1024, 1536, 'x'.repeat(1024)],
  ['b'.repeat(300), '0', 14, 3072, 'of a long name'],
  ['d', '5', 0, 5120, ''],
  ['link', '2', 0, 5632, ''],
  ['c'.repeat(200), '0', 513, 6144, 'y'.repeat(513)],
] as const

test('members are found with their contents and offsets, in pieces of any size', () => {
  const expected = EXPECTED.map(([name, type, size, offset, contents]) => {
    return { name, type, size, offset, contents }
  })
  for (const piece of [1, 7, 511, 512, 513, 4096, ARCHIVE.length])
    assert.deepEqual(read(ARCHIVE, piece), expected)
})

test('what lies behind the zero block is not read', () => {
  const archive = Buffer.concat([MEMBERS[0]!, Buffer.alloc(512), MEMBERS[1]!])
  assert.deepEqual(
    read(archive).map(({ name }) => name),
    ['a'],
  )
})

test('what is no archive is an error that says where', () => {
  const damaged = Buffer.from(ARCHIVE)
  damaged[1024]! ^= 1
  const bombs = [1 << 20, 2 ** 33 - 1].map((size) => {
    const header = extended('').subarray(0, 512)
    header.write(size.toString(8).padStart(11, '0'), 124)
    header.fill(0x20, 148, 156)
    header.write(
      `${header
        .reduce((sum, byte) => sum + byte, 0)
        .toString(8)
        .padStart(6, '0')}\0 `,
      148,
    )
    return Buffer.concat([header, Buffer.alloc(4096)])
  })
  const cases: [Buffer, RegExp][] = [
    [damaged, /at byte 1024: expected a member's header, found other bytes/],
    [Buffer.from('{}'.repeat(300)), /at byte 0: expected a member's header/],
    [
      ARCHIVE.subarray(0, 2000),
      /at byte 1536: expected a whole member, found the end of the archive at byte 2000/,
    ],
    [ARCHIVE.subarray(0, 100), /at byte 0: expected a whole member/],
    [block({ name: 's', type: 'S' }), /at byte 0: .*sparse/],
    ...bombs.map((bomb): [Buffer, RegExp] => [bomb, /extended headers of at most 1048576 bytes/]),
  ]
  for (const [archive, message] of cases)
    assert.throws(() => read(archive), { code: 'IMAGE_INVALID', message })
})

const MAKE = `
import base64, io, tarfile
def make(kind):
    out = io.BytesIO()
    t = tarfile.open(fileobj=out, mode="w", format=getattr(tarfile, kind))
    for i, (name, size) in enumerate([("a", 3), ("d/" + "n" * 90 + "/" + "f" * 60, 600), ("e", 512)]):
        info = tarfile.TarInfo(name); info.size = size; info.mtime = i + (0.5 if kind == "PAX_FORMAT" else 0)
        t.addfile(info, io.BytesIO(b"z" * size))
    info = tarfile.TarInfo("h"); info.type = tarfile.LNKTYPE; info.linkname = "a"; info.size = 3
    t.addfile(info)
    t.addfile(tarfile.TarInfo("last"))
    t.close()
    members = tarfile.open(fileobj=io.BytesIO(out.getvalue()))
    return [base64.b64encode(out.getvalue()).decode(), [[m.name, m.type.decode(), m.offset] for m in members]]`

test('finds what CPython finds, in its three formats', { skip: skipWithoutPython }, () => {
  const made = evaluate('make(x)', ['GNU_FORMAT', 'PAX_FORMAT', 'USTAR_FORMAT'], MAKE)
  for (const [archive, expected] of made as [string, [string, string, number][]][]) {
    const found = read(Buffer.from(archive, 'base64'), 1000)
    assert.deepEqual(
      found.map(({ name, type, offset }) => [name, type, offset]),
      expected,
    )
  }
})
