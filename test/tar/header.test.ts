import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Member } from '../../src/model/member.js'
import { decodeMember } from '../../src/tar/decode.js'
import { encodeHeader } from '../../src/tar/header.js'
import { PaxState } from '../../src/tar/pax.js'
import { evaluate, skipWithoutPython } from '../support/python.js'

const surrogate = fc.integer({ min: 0xdc80, max: 0xdcff }).map((unit) => String.fromCharCode(unit))
const text = (lengths: number[]): fc.Arbitrary<string> =>
  fc
    .oneof(
      fc.constant(''),
      fc.string({ maxLength: 20 }),
      fc.constantFrom(...lengths).map((length) => 'n'.repeat(length)),
      fc
        .array(
          fc.oneof(
            fc.string({ unit: 'binary', maxLength: 2 }),
            surrogate,
            fc.constant('é'),
            fc.constant('𝕏'),
          ),
          { maxLength: 60 },
        )
        .map((parts) => parts.join('')),
    )
    .map((value) => value.replaceAll('\0', ''))

const member: fc.Arbitrary<Member> = fc.record({
  name: text([99, 100, 101, 255]),
  mode: fc.integer({ min: 0, max: 0o7777 }),
  uid: fc.oneof(
    fc.bigInt({ min: -5n, max: 5n }),
    fc.bigInt({ min: 8n ** 7n - 2n, max: 8n ** 7n + 2n }),
    fc.bigInt({ min: 0n, max: 2n ** 63n }),
  ),
  gid: fc.bigInt({ min: -1n, max: 8n ** 7n + 1n }),
  size: fc.oneof(fc.nat(), fc.integer({ min: 8 ** 11 - 2, max: 8 ** 11 + 2 })),
  mtime: fc.oneof(fc.integer(), fc.integer({ min: 8 ** 11 - 2, max: 8 ** 11 + 2 })),
  type: fc.constantFrom('0', '2', '3', '4', '5', '6'),
  linkname: text([99, 100, 101]),
  uname: text([31, 32, 33]),
  gname: text([31, 32, 33]),
  devmajor: fc.nat(4095),
  devminor: fc.nat(8 ** 7 - 1),
})

const PRELUDE = `
import tarfile
def info(x):
    t = tarfile.TarInfo(x["name"])
    for key in ("mode", "size", "mtime", "linkname", "uname", "gname", "devmajor", "devminor"):
        setattr(t, key, x[key])
    t.uid, t.gid, t.type = int(x["uid"]), int(x["gid"]), x["type"].encode()
    return t
`

const json = (value: Member): unknown => ({ ...value, uid: String(value.uid), gid: String(value.gid) })

test('encodes headers as TarInfo.tobuf does', { skip: skipWithoutPython }, () => {
  const members = fc.sample(member, { numRuns: 4000, seed: 11 })
  const expected = evaluate('info(x).tobuf().hex()', members.map(json), PRELUDE)
  members.forEach((value, i) => {
    assert.equal(encodeHeader(value).toString('hex'), expected[i], JSON.stringify(json(value)))
  })
})

test('reads headers of every format as TarInfo.frombuf and its pax records do', {
  skip: skipWithoutPython,
}, () => {
  const members = fc.sample(member, { numRuns: 3000, seed: 12 }).filter((value) => value.name !== '')
  for (const format of ['PAX', 'GNU', 'USTAR']) {
    const written = evaluate(`info(x).tobuf(tarfile.${format}_FORMAT).hex()`, members.map(json), PRELUDE)
    const groups = written.filter((value): value is string => typeof value === 'string')
    assert.ok(groups.length > 100, `${groups.length} members in format ${format}`)
    const again = evaluate(
      'reread(x)',
      groups,
      `import io, tarfile
class Archive:
    encoding, errors, pax_headers = "utf-8", "surrogateescape", {}
def reread(x):
    archive = Archive()
    archive.fileobj = io.BytesIO(bytes.fromhex(x))
    archive.pax_headers = {}
    return tarfile.TarInfo.fromtarfile(archive).tobuf().hex()`,
    )
    groups.forEach((group, i) => {
      const found = decodeMember(Buffer.from(group, 'hex'), new PaxState())
      assert.ok(found !== undefined)
      assert.equal(encodeHeader(found).toString('hex'), again[i], group)
    })
  }
})
