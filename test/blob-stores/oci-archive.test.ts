/** Image archives: read in place, whatever is in them, and written whole or not at all. */
import assert from 'node:assert/strict'
import {
  createReadStream,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { extract, type Header, pack } from 'tar-stream'
import { OciArchive } from '../../src/blob-stores/oci-archive.js'
import { encodeHeader, newMember } from '../../src/tar/header.js'
import { command, skipWithout } from '../support/clients.js'
import { sha256File } from '../support/image.js'
import { startProgram } from '../support/program.js'
import { pathsIn, scratchDirectory } from '../support/scratch.js'
import {
  type Blob,
  blobOf,
  bytesOf,
  hasCode,
  makeImage,
  makeIndex,
  putImage,
  type TestImage,
} from './suite.js'

const root = scratchDirectory()
const newPath = pathsIn(root)

async function publish(path: string, image: TestImage, tag: string | undefined): Promise<void> {
  const archive = await OciArchive.open('oci-archive:x', path)
  await putImage(archive, image, tag)
  await archive.publish()
  await archive.close()
}

const image = makeImage([5000])
const name = ({ descriptor }: { descriptor: { digest: string } }) =>
  `blobs/${descriptor.digest.replace(':', '/')}`
const index = JSON.stringify({ schemaVersion: 2, manifests: [image.manifest.descriptor] })

type Part = [string | Partial<Header>, string | Buffer] | Buffer

const WHOLE: Part[] = [
  ['index.json', index],
  ...[image.config, ...image.layers, image.manifest].map((blob): Part => [name(blob), blob.bytes]),
]

/** An archive of members, and of blocks as they are. */
async function tarOf(parts: readonly Part[]): Promise<Buffer> {
  const pieces: Buffer[] = []
  for (const part of parts) {
    if (Buffer.isBuffer(part)) pieces.push(part)
    else pieces.push(await memberOf(...part))
  }
  return Buffer.concat([...pieces, Buffer.alloc(1024)])
}

async function memberOf(header: string | Partial<Header>, body: string | Buffer): Promise<Buffer> {
  const archive = pack()
  archive.entry(typeof header === 'string' ? { name: header } : (header as Header), body)
  archive.finalize()
  const all: Buffer[] = []
  for await (const piece of archive) all.push(piece as Buffer)
  return Buffer.concat(all).subarray(0, -1024)
}

async function write(parts: readonly Part[], change = (bytes: Buffer): Buffer => bytes): Promise<string> {
  const path = newPath()
  writeFileSync(path, change(await tarOf(parts)))
  return path
}

describe('reading', () => {
  test('blobs lie in the archive itself, which is not changed, and nothing is made', async () => {
    const path = newPath()
    await publish(path, image, 'v1')
    const before = [sha256File(path), statSync(path).mtimeMs, readdirSync(root).length]
    const reader = await OciArchive.read('oci-archive:x', path)
    const [{ descriptor, bytes }] = image.layers as [Blob]
    const extent = reader.locate(descriptor)
    assert.equal(extent?.path, path)
    const { offset, size } = extent!
    assert.deepEqual(readFileSync(path).subarray(offset, offset + size), bytes)
    assert.equal(reader.locate({ ...descriptor, size: 1 }), undefined)
    assert.deepEqual(await bytesOf(reader.get(descriptor)), bytes)
    await reader.close()
    assert.deepEqual([sha256File(path), statSync(path).mtimeMs, readdirSync(root).length], before)
  })

  test('names with ./, members in any order, others among them, extended headers', async () => {
    const others: Part[] = [
      [{ name: './', type: 'directory' }, ''],
      [{ name: './blobs/sha256', type: 'directory' }, ''],
      [{ name: 'x'.repeat(300) }, 'long'],
      [{ name: 'link', type: 'symlink', linkname: '/etc' }, ''],
      ['manifest.json', '[]'],
    ]
    const members = WHOLE.toReversed().map((part): Part => {
      if (Buffer.isBuffer(part)) return part
      return [{ name: `./${String(part[0])}`, pax: { comment: 'c'.repeat(2000) } }, part[1]]
    })
    const reader = await OciArchive.read('oci-archive:x', await write([...others, ...members, ...others]))
    assert.deepEqual(await reader.manifest(undefined), image.manifest)
    for (const { descriptor, bytes } of image.layers)
      assert.deepEqual(await bytesOf(reader.get(descriptor)), bytes)
  })

  test('a compressed one is expanded, and what was expanded goes', async () => {
    const temporary = newPath()
    mkdirSync(temporary)
    const before = process.env.TMPDIR
    process.env.TMPDIR = temporary
    try {
      const path = await write(WHOLE, (bytes) => gzipSync(bytes))
      const reader = await OciArchive.read('oci-archive:x', path)
      assert.deepEqual(await reader.manifest(undefined), image.manifest)
      assert.ok(reader.locate(image.layers[0]!.descriptor)?.path.startsWith(temporary))
      assert.equal(readdirSync(temporary).length, 1)
      await reader.close()
      const cut = await write(WHOLE, (bytes) => gzipSync(bytes).subarray(0, -100))
      await assert.rejects(OciArchive.read('oci-archive:x', cut), hasCode('IMAGE_INVALID'))
      assert.deepEqual(readdirSync(temporary), [])
    } finally {
      if (before === undefined) delete process.env.TMPDIR
      else process.env.TMPDIR = before
    }
  })

  test('none, a directory, a pipe: an error, nobody waits', { skip: skipWithout('mkfifo') }, async () => {
    const pipe = newPath()
    command('mkfifo', [pipe])
    for (const path of [newPath(), root, pipe])
      await assert.rejects(OciArchive.read('oci-archive:x', path), hasCode('FILE_UNREADABLE'))
  })
})

/** A member's header alone, with fields that no encoder would write. */
function header(fields: Partial<ReturnType<typeof newMember>>, change = (_: Buffer): void => {}): Buffer {
  const block = encodeHeader({ ...newMember('x', 0, 0), ...fields })
  change(block)
  block.fill(0x20, 148, 156)
  let sum = 0
  for (const byte of block) sum += byte
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  return block
}

const INDEX = 'index.json'

describe('an archive that wants to do harm', () => {
  const damaged = (at: number) => (bytes: Buffer) => {
    bytes[at]! ^= 1
    return bytes
  }
  const cases: Record<string, [Part[], ((bytes: Buffer) => Buffer)?]> = {
    'no archive': [[], () => Buffer.from('no archive'.repeat(1000))],
    'an empty file': [[], () => Buffer.alloc(0)],
    'no index.json': [WHOLE.slice(1)],
    'index.json as a symbolic link': [
      [[{ name: INDEX, type: 'symlink', linkname: '/etc/passwd' }, ''], ...WHOLE.slice(1)],
    ],
    'index.json as a hard link': [[[{ name: INDEX, type: 'link', linkname: 'a' }, ''], ...WHOLE.slice(1)]],
    'a blob as a pipe': [[...WHOLE, [{ name: `blobs/sha256/${'a'.repeat(64)}`, type: 'fifo' }, '']]],
    'index.json twice': [[...WHOLE, [INDEX, index]]],
    'a blob twice': [[...WHOLE, WHOLE[2]!]],
    'names that lead out': [[['../../etc/x', 'x'], ...WHOLE]],
    'names that lead out in the middle': [[['blobs/../../x', 'x'], ...WHOLE]],
    'a header with a wrong checksum': [WHOLE, damaged(3)],
    'a member beyond the end': [[...WHOLE, header({ size: 10_000_000 })]],
    'a member of absurd size': [[...WHOLE, header({ size: 2 ** 60 })]],
    'a member of negative size': [[...WHOLE, header({}, (block) => block.fill(0xff, 124, 136))]],
    'a size in base 256 beyond all bounds': [
      [...WHOLE, header({}, (block) => block.fill(0x7f, 125, 136).fill(0x80, 124, 125))],
    ],
    'a size that is no number': [[...WHOLE, header({}, (block) => block.write('12 xyz', 124))]],
    'an extended header of absurd size': [[...WHOLE, header({ type: 'x', size: 2 ** 32 })]],
    'an extended header of another size': [
      [...WHOLE, header({ type: 'x', size: 512 }), Buffer.alloc(512, '99999 path=x\n'), header({})],
    ],
    'extended headers without a member': [
      [...WHOLE, ...Array.from({ length: 4000 }, () => header({ type: 'g' }))],
    ],
    'an end in the middle of a header': [
      WHOLE,
      (bytes) => bytes.subarray(0, bytes.indexOf(name(image.manifest)) + 300),
    ],
    'an end in the middle of a member': [
      WHOLE,
      (bytes) => bytes.subarray(0, bytes.indexOf(name(image.layers[0]!)) + 3000),
    ],
  }
  for (const [what, [parts, change]] of Object.entries(cases))
    test(`${what}: one clear error`, async () => {
      const path = await write(parts, change)
      await assert.rejects(OciArchive.read('oci-archive:x', path), (error) => {
        hasCode('IMAGE_INVALID')(error)
        assert.match((error as Error).message, /^oci-archive:x: /)
        return true
      })
    })

  test('more members than anybody needs', async () => {
    const one = header({})
    const path = await write([...WHOLE, Buffer.concat(Array.from({ length: 100_001 }, () => one))])
    await assert.rejects(OciArchive.read('oci-archive:x', path), /more than 100000 members/)
  })

  test('what lies behind its end does not count', async () => {
    const path = await write([...WHOLE, Buffer.alloc(1024), [INDEX, '{}']])
    const reader = await OciArchive.read('oci-archive:x', path)
    assert.deepEqual(await reader.manifest(undefined), image.manifest)
    truncateSync(path, 2 ** 40)
    assert.deepEqual(await (await OciArchive.read('oci-archive:x', path)).manifest(undefined), image.manifest)
  })

  test('a bomb costs time, but neither memory nor disk', async () => {
    const path = newPath()
    // 1 GiB of zeros as one blob.
    const zeros = newMember(`blobs/sha256/${'a'.repeat(64)}`, 2 ** 30, 0)
    const tar = newPath()
    writeFileSync(tar, Buffer.concat([await tarOf(WHOLE)]).subarray(0, -1024))
    writeFileSync(tar, encodeHeader(zeros), { flag: 'a' })
    truncateSync(tar, statSync(tar).size + 2 ** 30 + 1024)
    command('sh', ['-c', 'gzip -1 < "$0" > "$1"', tar, path])
    const { ended } = startProgram(
      `import { statSync } from 'node:fs'
       const { OciArchive } = await import('SRC/blob-stores/oci-archive.js')
       const reader = await OciArchive.read('oci-archive:x', ${JSON.stringify(path)})
       const { path, size } = reader.locate({ digest: 'sha256:${'a'.repeat(64)}', size: ${2 ** 30} })
       await reader.manifest(undefined)
       console.log(JSON.stringify({ size, disk: statSync(path).blocks * 512, memory: process.resourceUsage().maxRSS }))
       await reader.close()`,
    )
    const { stdout, stderr } = await ended
    assert.ok(stdout, stderr)
    const { disk, memory } = JSON.parse(stdout) as { disk: number; memory: number }
    assert.ok(disk < 10 << 20, `${disk} bytes of disk`)
    assert.ok(memory < 200_000, `${memory} kB of memory`)
  })
})

describe('writing', () => {
  test('the same images give the same bytes, in whatever order their blobs come', async () => {
    const [one, two] = [newPath(), newPath()]
    const images = [makeImage([10, 20, 30]), makeImage([40, 50])]
    for (const [path, order] of [
      [one, images],
      [two, images.toReversed()],
    ] as const) {
      const archive = await OciArchive.open('oci-archive:x', path)
      for (const { config, layers } of order)
        for (const { descriptor, bytes } of [...layers, config]) await archive.put(descriptor, bytes)
      for (const [i, { manifest }] of images.entries()) await archive.putManifest(manifest, `v${i}`)
      await archive.publish()
      await archive.close()
    }
    assert.equal(sha256File(one), sha256File(two))
  })

  test('it holds what its index leads to, each once, an index and its images too', async () => {
    const path = newPath()
    const images = [makeImage([10, 20]), makeImage([30])]
    const all = makeIndex(images.map(({ manifest }) => manifest))
    const archive = await OciArchive.open('oci-archive:x', path)
    for (const one of images) await putImage(archive, one, undefined)
    await archive.putManifest(all, 'all')
    await archive.putManifest(images[0]!.manifest, 'first')
    const loose = blobOf(Buffer.from('loose'))
    await archive.put(loose.descriptor, loose.bytes)
    await archive.publish()
    await archive.close()
    const names: string[] = []
    for await (const entry of createReadStream(path).pipe(extract())) {
      names.push(entry.header.name)
      entry.resume()
    }
    const [one, two] = images as [TestImage, TestImage]
    const blobs = [all, one.manifest, one.config, ...one.layers, two.manifest, two.config, ...two.layers]
    assert.deepEqual(names, ['oci-layout', 'index.json', ...blobs.map(name)])
  })

  test('nothing is left beside it, published or not', async () => {
    const out = newPath()
    mkdirSync(out)
    const path = join(out, 'image.tar')
    const stop = new AbortController()
    const archive = await OciArchive.open('oci-archive:x', path, { signal: stop.signal })
    await putImage(archive, image, 'v1')
    const finishing = archive.finish()
    stop.abort()
    await assert.rejects(finishing, hasCode('ABORTED'))
    await archive.close()
    assert.deepEqual(readdirSync(out), [])
    const closed = await OciArchive.open('oci-archive:x', path)
    await putImage(closed, image, 'v1')
    const going = closed.finish()
    await closed.close()
    await assert.rejects(going)
    await assert.rejects(closed.publish(), hasCode('ABORTED'))
    assert.deepEqual(readdirSync(out), [])
    await publish(path, image, 'v1')
    assert.deepEqual(readdirSync(out), ['image.tar'])
    await assert.rejects(OciArchive.open('oci-archive:x', join(out, 'none/x')), hasCode('OUTPUT_FAILED'))
    await assert.rejects(OciArchive.open('oci-archive:x', out), hasCode('OUTPUT_FAILED'))
  })

  test('a device and a pipe get the bytes, and stay', { skip: skipWithout('mknod', 'mkfifo') }, async () => {
    const out = newPath()
    mkdirSync(out)
    command('mknod', [join(out, 'null'), 'c', '1', '3'])
    command('mkfifo', [join(out, 'pipe')])
    await publish(join(out, 'null'), image, 'v1')
    await publish(join(out, 'file'), image, 'v1')
    const reader = startProgram(
      `import { createReadStream } from 'node:fs'; import { createHash } from 'node:crypto'
       const hash = createHash('sha256')
       for await (const piece of createReadStream(${JSON.stringify(join(out, 'pipe'))})) hash.update(piece)
       console.log(hash.digest('hex'))`,
    )
    await publish(join(out, 'pipe'), image, 'v1')
    assert.equal((await reader.ended).stdout.trim(), sha256File(join(out, 'file')))
    assert.ok(statSync(join(out, 'null')).isCharacterDevice())
    assert.ok(statSync(join(out, 'pipe')).isFIFO())
    assert.deepEqual(readdirSync(out).sort(), ['file', 'null', 'pipe'])
  })

  test('a reader that leaves is told as such', { skip: skipWithout('mkfifo') }, async () => {
    const pipe = newPath()
    command('mkfifo', [pipe])
    const reader = startProgram(
      `import { openSync, readSync } from 'node:fs'
       readSync(openSync(${JSON.stringify(pipe)}), Buffer.alloc(10))`,
    )
    await assert.rejects(publish(pipe, makeImage([2_000_000]), 'v1'), hasCode('OUTPUT_CLOSED'))
    await reader.ended
    assert.ok(existsSync(pipe))
  })
})
