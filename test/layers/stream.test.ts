import assert from 'node:assert/strict'
import { mkdirSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { checksumLayer, DigestSink } from '../../src/layers/checksum.js'
import { streamLayer } from '../../src/layers/stream.js'
import { scratchDirectory } from '../support/scratch.js'

const root = scratchDirectory()
const owner = { mtime: 1, uid: 0n, gid: 0n, uname: '', gname: '' }
const path = join(root, 'p')
mkdirSync(path)
writeFileSync(join(path, 'file'), 'content')

test('both passes give the same bytes', () => {
  const { plan, digest } = checksumLayer({ paths: [path], owner })
  const sink = new DigestSink()
  streamLayer({ paths: [path], plan, owner, digest }, sink)
  assert.equal(sink.digest(), digest)
})

test('content with another digest fails, though size, inode and times are the same', () => {
  const { plan } = checksumLayer({ paths: [path], owner })
  const digest = '0'.repeat(64)
  assert.throws(() => streamLayer({ paths: [path], plan, owner, digest }, new DigestSink()), {
    code: 'FILE_CHANGED',
    message: /^a file in \['.*\/p'\] changed .*expected SHA-256 0{64} of the layer, found [0-9a-f]{64}$/,
  })
})

test('files that changed in the last seconds are fresh, older ones are not', async () => {
  assert.equal(checksumLayer({ paths: [path], owner }).fresh, true)
  utimesSync(join(path, 'file'), 1, 1)
  assert.equal(checksumLayer({ paths: [path], owner }).fresh, true, 'a time that was set back does not count')
  assert.equal(checksumLayer({ paths: [process.execPath], owner }).fresh, false)
})
