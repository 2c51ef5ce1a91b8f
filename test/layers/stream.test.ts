import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdirSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { copyVerified } from '../../src/image/verify.js'
import { checksumLayer, DigestSink } from '../../src/layers/checksum.js'
import { streamLayers } from '../../src/layers/stream.js'
import { scratchDirectory } from '../support/scratch.js'

const root = scratchDirectory()
const owner = { mtime: 1, uid: 0n, gid: 0n, uname: '', gname: '' }
const path = join(root, 'p')
mkdirSync(path)
writeFileSync(join(path, 'file'), 'content')

test('both passes give the same bytes', () => {
  const { plan, digest } = checksumLayer({ paths: [path], owner })
  const sink = new DigestSink()
  streamLayers([{ plan, owner }], sink)
  assert.equal(sink.digest(), digest)
})

test('bytes with another digest fail when all are through', async () => {
  const out: Buffer[] = []
  const copy = async (write: (bytes: Uint8Array) => void | Promise<void>): Promise<void> => {
    await write(Buffer.from('con'))
    await write(Buffer.from('tent'))
  }
  const take = (bytes: Uint8Array): void => void out.push(Buffer.from(bytes))
  const differs = (found: string): Error => new Error(`found ${found}`)
  const digest = createHash('sha256').update('content').digest('hex')
  await copyVerified(copy, take, digest, differs)
  assert.equal(Buffer.concat(out).toString(), 'content')
  await assert.rejects(copyVerified(copy, take, '0'.repeat(64), differs), { message: `found ${digest}` })
})

test('files that changed in the last seconds are fresh, older ones are not', async () => {
  assert.equal(checksumLayer({ paths: [path], owner }).fresh, true)
  utimesSync(join(path, 'file'), 1, 1)
  assert.equal(checksumLayer({ paths: [path], owner }).fresh, true, 'a time that was set back does not count')
  assert.equal(checksumLayer({ paths: [process.execPath], owner }).fresh, false)
})
