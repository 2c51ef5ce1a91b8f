/** Extended headers as CPython reads them, whatever order and form they come in. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { decodeMember } from '../../src/tar/decode.js'
import { encodeHeader } from '../../src/tar/header.js'
import { PaxState } from '../../src/tar/pax.js'
import { evaluate, skipWithoutPython } from '../support/python.js'
import { block, extended, record } from '../support/raw-tar.js'

const READ = `
import io, tarfile
def read(x):
    archive = tarfile.TarFile.__new__(tarfile.TarFile)
    archive.encoding, archive.errors, archive.pax_headers = "utf-8", "surrogateescape", {}
    archive.tarinfo, archive.ignore_zeros, archive.debug = tarfile.TarInfo, False, 0
    archive.fileobj, archive.offset = io.BytesIO(bytes.fromhex(x)), 0
    return tarfile.TarInfo.fromtarfile(archive).tobuf().hex()`

const text = fc.constantFrom(
  '',
  'a',
  'a/b//',
  '/',
  'é',
  '\xff\xfe',
  'x'.repeat(150),
  'with = sign',
  ' 5 path=q\n',
)
const number = fc.constantFrom(
  '0',
  '7',
  '-3',
  '+5',
  ' 12 ',
  '1_000',
  '1__0',
  '_1',
  '0x1',
  '',
  '9'.repeat(30),
  '٣',
)
const time = fc.constantFrom('0', '1.5', '-1.5', '1e3', '.5', '5.', '1_0.2_5', '1._5', 'x', '', '1e', '٣.٥')
const entry = fc.oneof(
  fc.tuple(fc.constantFrom('path', 'linkpath', 'uname', 'gname', 'comment'), text),
  fc.tuple(fc.constantFrom('uid', 'gid'), number),
  fc.tuple(fc.constant('mtime'), time),
  fc.tuple(fc.constant('hdrcharset'), fc.constantFrom('BINARY', 'ISO-IR 10646 2000 UTF-8', 'x')),
)
const payload = fc
  .array(entry, { minLength: 1, maxLength: 4 })
  .map((entries) => Buffer.from(entries.map(([key, value]) => record(key, value)).join(''), 'latin1'))
const long = fc.tuple(fc.constantFrom('L', 'K'), fc.constantFrom('long', 'long/', 'n'.repeat(300)))
const header = fc.oneof(
  payload.map((bytes) => extended(bytes, 'x')),
  payload.map((bytes) => extended(bytes, 'g')),
  long.map(([type, name]) => block({ name: '././@LongLink', type, data: `${name}\0` })),
)
const group = fc
  .tuple(fc.array(header, { maxLength: 4 }), fc.constantFrom('0', '2', '5'))
  .map(([headers, type]) => Buffer.concat([...headers, block({ name: 'member', type })]))

test('several headers before one member, in any order', { skip: skipWithoutPython }, () => {
  const groups = fc.sample(group, { numRuns: 4000, seed: 13 })
  const expected = evaluate(
    'read(x)',
    groups.map((bytes) => bytes.toString('hex')),
    READ,
  )
  let compared = 0
  groups.forEach((bytes, i) => {
    if (typeof expected[i] !== 'string') return
    compared++
    const found = decodeMember(bytes, new PaxState())
    assert.ok(found !== undefined)
    assert.equal(encodeHeader(found).toString('hex'), expected[i], bytes.toString('latin1'))
  })
  assert.ok(compared > 3000, `${compared}`)
})
