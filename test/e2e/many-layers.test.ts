/** Images of thousands of layers in blob stores: the memory that they take, and the most that are read. */
import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { measure } from '../../bench/programs.js'
import { digestOf, toHex } from '../../src/model/digest.js'
import { CLI, runCli, writeConf } from '../support/image.js'
import { skipWithoutPython } from '../support/python.js'
import { block } from '../support/raw-tar.js'
import { scratchDirectory } from '../support/scratch.js'

const root = scratchDirectory()
/** What a build may take, in bytes. */
const LIMIT = 350e6

/** A layout of gzipped layers. @returns its `oci:` name */
function writeLayout(name: string, archives: readonly Buffer[]): string {
  const directory = join(root, name)
  mkdirSync(join(directory, 'blobs', 'sha256'), { recursive: true })
  const written = new Map<Buffer, object>()
  const put = (bytes: Buffer, mediaType: string): object => {
    const digest = digestOf(bytes)
    writeFileSync(join(directory, 'blobs', 'sha256', toHex(digest)), bytes)
    return { mediaType, digest, size: bytes.length }
  }
  const layers = archives.map((archive) => {
    const known = written.get(archive)
    if (known !== undefined) return known
    const layer = put(gzipSync(archive), 'application/vnd.oci.image.layer.v1.tar+gzip')
    written.set(archive, layer)
    return layer
  })
  const diffIds = new Map([...written.keys()].map((archive) => [archive, digestOf(archive)]))
  const rootfs = { type: 'layers', diff_ids: archives.map((archive) => diffIds.get(archive)) }
  const image = Buffer.from(JSON.stringify({ architecture: 'amd64', os: 'linux', config: {}, rootfs }))
  const config = put(image, 'application/vnd.oci.image.config.v1+json')
  const manifest = Buffer.from(JSON.stringify({ schemaVersion: 2, config, layers }))
  const manifests = [put(manifest, 'application/vnd.oci.image.manifest.v1+json')]
  writeFileSync(join(directory, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests }))
  writeFileSync(join(directory, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}')
  return `oci:${directory}`
}

const archiveOf = (i: number): Buffer =>
  Buffer.concat([block({ name: `f${i}`, data: 'x' }), Buffer.alloc(1024)])
const archive = archiveOf(0)
const copies = (count: number): Buffer[] => Array.from({ length: count }, () => archive)

describe('thousands of layers take less than 350 MB', { skip: skipWithoutPython }, () => {
  const base = writeLayout('equal', copies(5000))
  const top = join(root, 'top')
  mkdirSync(top)
  const conf = writeConf(top, { from_image: base })
  const different = writeLayout(
    'different',
    Array.from({ length: 1000 }, (_, i) => archiveOf(i)),
  )
  for (const [name, args] of Object.entries({
    'a base of equal ones, through a pipe': [conf],
    'a base of equal ones, to a file': [conf, '-o', join(root, 'a.tar')],
    'a base of equal ones, to a layout': [conf, '-o', `oci:${join(root, 'a')}`],
    'a copy of different ones, through a pipe': ['copy', different, '-o', '-'],
  }))
    test(name, () => {
      const { memory } = measure('pipe', [process.execPath, CLI, ...args])
      assert.ok(memory > 10e6 && memory < LIMIT, `${memory} bytes`)
    })
})

test('more than 10,000 layers are refused', () => {
  const directory = join(root, 'too-many-top')
  mkdirSync(directory)
  const run = runCli(writeConf(directory, { from_image: writeLayout('too-many', copies(10_001)) }))
  assert.equal(run.status, 1)
  assert.match(run.stderr, /expected at most 10000 layers, found 10001 \[BASE_INVALID\]/)
})
