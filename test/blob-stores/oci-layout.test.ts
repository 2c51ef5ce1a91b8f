/** Image layouts: shared by several, damaged, left half-way, and what stays of others. */
import assert from 'node:assert/strict'
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { OciLayout } from '../../src/blob-stores/oci-layout.js'
import { ownOwner } from '../../src/files/owner.js'
import { Scratch } from '../../src/files/scratch.js'
import type { Descriptor } from '../../src/model/descriptor.js'
import { command, skipWithout } from '../support/clients.js'
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

async function publish(directory: string, image: TestImage, tag: string | undefined): Promise<void> {
  const layout = await OciLayout.open('oci:x', directory)
  await putImage(layout, image, tag)
  await layout.publish()
  await layout.close()
}

function pathOf(directory: string, { digest }: Descriptor): string {
  return join(directory, 'blobs', digest.replace(':', '/'))
}

interface Entry {
  digest: string
  annotations?: Record<string, string>
}

function entriesOf(directory: string): Entry[] {
  return (JSON.parse(readFileSync(join(directory, 'index.json'), 'utf8')) as { manifests: Entry[] }).manifests
}

/** Everything below a directory. */
function tree(directory: string): string[] {
  return (readdirSync(directory, { recursive: true }) as string[]).sort()
}

describe('a layout that several write to', () => {
  test('no tag is lost', async () => {
    const directory = newPath()
    const put = (name: string) =>
      startProgram(
        `const { OciLayout } = await import('SRC/blob-stores/oci-layout.js')
         const { makeImage, putImage } = await import('SRC/../test/blob-stores/suite.js')
         for (let i = 0; i < 3; i++) {
           const layout = await OciLayout.open('oci:x', ${JSON.stringify(directory)})
           await putImage(layout, makeImage([10]), '${name}-' + i)
           await layout.publish()
           await layout.close()
         }`,
      ).ended
    const names = Array.from({ length: 10 }, (_, i) => `n${i}`)
    for (const { status, stderr } of await Promise.all(names.map(put))) assert.equal(status, 0, stderr)
    const layout = await OciLayout.read('oci:x', directory)
    assert.deepEqual(
      (await layout.tags()).sort(),
      names.flatMap((name) => [0, 1, 2].map((i) => `${name}-${i}`)).sort(),
    )
    assert.deepEqual(readdirSync(directory).sort(), ['blobs', 'index.json', 'oci-layout'])
  })

  test('a lock that a killed process has left is no hindrance', async () => {
    const directory = newPath()
    await publish(directory, makeImage(), 'one')
    const [where] = ownOwner().split('-')
    symlinkSync(`${where}-00000000-1-1-0123abcd`, join(directory, '.index.json.lock'))
    await publish(directory, makeImage(), 'two')
    assert.equal(entriesOf(directory).length, 2)
    assert.deepEqual(readdirSync(directory).sort(), ['blobs', 'index.json', 'oci-layout'])
  })
})

describe('blobs that are there already', () => {
  test('a damaged one of the right size is not there, and is replaced', async () => {
    const directory = newPath()
    const image = makeImage()
    const { descriptor, bytes } = image.layers[1] as Blob
    await publish(directory, image, 'v1')
    const path = pathOf(directory, descriptor)
    writeFileSync(path, Buffer.alloc(bytes.length))
    const layout = await OciLayout.open('oci:x', directory)
    assert.equal(await layout.has(image.layers[0]!.descriptor), true)
    assert.equal(await layout.has(descriptor), false)
    await layout.put(descriptor, bytes)
    assert.equal(await layout.has(descriptor), true)
    await layout.close()
    assert.deepEqual(readFileSync(path), bytes)
  })

  test('one is hashed once, and again when it was touched', async () => {
    const directory = newPath()
    const image = makeImage()
    const { descriptor, bytes } = image.layers[1] as Blob
    await publish(directory, image, 'v1')
    assert.deepEqual(readdirSync(directory).sort(), ['blobs', 'index.json', 'oci-layout'])
    const state = join(directory, '.stream-layered-image-verified.json')
    const path = pathOf(directory, descriptor)
    const record = (): void => {
      const { ino, size, mtimeNs, ctimeNs } = statSync(path, { bigint: true })
      const blobs = { [descriptor.digest]: [ino, size, mtimeNs, ctimeNs].join(' ') }
      writeFileSync(state, JSON.stringify({ blobs }))
    }
    const has = async (): Promise<boolean> => {
      const layout = await OciLayout.open('oci:x', directory)
      try {
        return await layout.has(descriptor)
      } finally {
        await layout.close()
      }
    }
    // What is recorded is believed: so it was not hashed.
    writeFileSync(path, Buffer.alloc(bytes.length))
    record()
    assert.equal(await has(), true)
    utimesSync(path, 1, 1)
    assert.equal(await has(), false)
    writeFileSync(path, bytes)
    for (const nonsense of ['', '[]', '{"blobs":{"x":1}}', '['.repeat(1000)]) {
      writeFileSync(state, nonsense)
      assert.equal(await has(), true)
    }
  })

  test('what was found whole is recorded with the next publication, unless it has just changed', async () => {
    const directory = newPath()
    const image = makeImage()
    await publish(directory, image, 'v1')
    const state = join(directory, '.stream-layered-image-verified.json')
    await publishAgain(directory, image)
    assert.ok(!existsSync(state))
    // As if it were some seconds later.
    const now = Date.now
    Date.now = () => now() + 10_000
    try {
      await publishAgain(directory, image)
    } finally {
      Date.now = now
    }
    const { blobs } = JSON.parse(readFileSync(state, 'utf8')) as { blobs: Record<string, string> }
    assert.ok(image.layers.every(({ descriptor }) => descriptor.digest in blobs))
  })

  async function publishAgain(directory: string, image: TestImage): Promise<void> {
    const layout = await OciLayout.open('oci:x', directory)
    for (const { descriptor } of image.layers) assert.equal(await layout.has(descriptor), true)
    await layout.putManifest(image.manifest, 'v1')
    await layout.publish()
    await layout.close()
  }

  test('a pipe or a directory in the place of one is no blob, and nobody waits for it', {
    skip: skipWithout('mkfifo'),
  }, async () => {
    const directory = newPath()
    const image = makeImage()
    await publish(directory, image, 'v1')
    for (const make of ['mkfifo', 'mkdir']) {
      for (const { descriptor } of [image.layers[0]!, { descriptor: image.manifest.descriptor }]) {
        rmSync(pathOf(directory, descriptor), { recursive: true })
        command(make, [pathOf(directory, descriptor)])
      }
      const reader = await OciLayout.read('oci:x', directory)
      await assert.rejects(bytesOf(reader.get(image.layers[0]!.descriptor)), hasCode('IMAGE_INVALID'))
      assert.equal(reader.locate(image.layers[0]!.descriptor), undefined)
      await assert.rejects(reader.manifest('v1'), hasCode('IMAGE_INVALID'))
    }
  })
})

describe('files of a layout', () => {
  test('two layouts that get one temporary file do not share it', async () => {
    const scratch = new Scratch(root)
    const { descriptor, bytes } = blobOf(Buffer.alloc(100_000, 7))
    const file = scratch.file()
    writeFileSync(file, bytes)
    const [one, two] = [newPath(), newPath()]
    const layouts = [await OciLayout.open('oci:1', one), await OciLayout.open('oci:2', two)]
    await Promise.all(layouts.map((layout) => layout.put(descriptor, file, { hashed: true })))
    const { ino } = statSync(file)
    const inodes = [one, two].map((directory) => statSync(pathOf(directory, descriptor)).ino)
    assert.notEqual(inodes[0], inodes[1])
    assert.ok(inodes.includes(ino), 'one of them has the file itself')
    for (const layout of layouts) await layout.close()
    scratch.remove()
    for (const directory of [one, two]) {
      assert.deepEqual(readFileSync(pathOf(directory, descriptor)), bytes)
      assert.equal(lstatSync(pathOf(directory, descriptor)).nlink, 1)
    }
  })

  test("a file that is not the program's own is copied, with the mode that new files have", async () => {
    const directory = newPath()
    const { descriptor, bytes } = blobOf(Buffer.alloc(100_000, 8))
    const file = newPath()
    writeFileSync(file, bytes)
    chmodSync(file, 0o400)
    const layout = await OciLayout.open('oci:x', directory)
    await layout.put(descriptor, file)
    const blob = statSync(pathOf(directory, descriptor))
    assert.notEqual(blob.ino, statSync(file).ino)
    const usual = newPath()
    writeFileSync(usual, '')
    assert.equal(blob.mode, statSync(usual).mode)
    await layout.close()
  })

  test('temporary files do not lie among blobs', async () => {
    const directory = newPath()
    const layout = await OciLayout.open('oci:x', directory)
    const putting = layout.put(blobOf(Buffer.alloc(10)).descriptor, Buffer.alloc(10))
    const names = readdirSync(join(directory, 'blobs/sha256'))
    assert.ok(names.every((name) => /^[0-9a-f]{64}$/.test(name)))
    await putting
    await layout.close()
  })

  test('of a layout that was never published only whole blobs stay', async () => {
    const base = newPath()
    mkdirSync(base)
    const nothing = await OciLayout.open('oci:x', join(base, 'new/layout'))
    await nothing.close()
    assert.deepEqual(tree(base), [])
    const failed = await OciLayout.open('oci:x', join(base, 'new/layout'))
    const { descriptor, bytes } = blobOf(Buffer.from('x'))
    await failed.put(descriptor, bytes)
    await failed.finish()
    await assert.rejects(failed.put(blobOf(Buffer.from('y')).descriptor, bytes), hasCode('IMAGE_INVALID'))
    await failed.close()
    await assert.rejects(failed.put(descriptor, bytes), hasCode('ABORTED'))
    const path = descriptor.digest.replace(':', '/')
    const blobs = [
      'new',
      'new/layout',
      'new/layout/blobs',
      'new/layout/blobs/sha256',
      `new/layout/blobs/${path}`,
    ]
    assert.deepEqual(tree(base), blobs)
  })

  test('a directory that cannot be is told at once', async () => {
    const file = newPath()
    writeFileSync(file, '')
    for (const path of ['/proc/x', '/proc/x/y', file, join(file, 'x')])
      await assert.rejects(OciLayout.open('oci:x', path), hasCode('OUTPUT_FAILED'), path)
  })

  test('what is read is not changed, and not made', async () => {
    const directory = newPath()
    await assert.rejects(OciLayout.read('oci:x', directory), hasCode('FILE_UNREADABLE'))
    assert.ok(!existsSync(directory))
    const image = makeImage()
    await publish(directory, image, 'v1')
    const before = command('sh', ['-c', 'cd "$0" && find . -printf "%p %i %C@ %T@ %m\\n" | sort', directory])
    const reader = await OciLayout.read('oci:x', directory)
    await reader.manifest('v1')
    await bytesOf(reader.get(image.layers[1]!.descriptor))
    const extent = reader.locate(image.layers[1]!.descriptor)
    assert.deepEqual(extent, {
      path: pathOf(directory, image.layers[1]!.descriptor),
      offset: 0,
      size: 300_000,
      whole: true,
    })
    await reader.close()
    assert.equal(
      command('sh', ['-c', 'cd "$0" && find . -printf "%p %i %C@ %T@ %m\\n" | sort', directory]),
      before,
    )
  })
})

describe('images without a tag', () => {
  test("one replaces the one before it, not another's", async () => {
    const directory = newPath()
    await publish(directory, makeImage(), 'tagged')
    const foreign = makeImage()
    await publish(directory, foreign, 'theirs')
    const index = JSON.parse(readFileSync(join(directory, 'index.json'), 'utf8')) as { manifests: Entry[] }
    for (const entry of index.manifests)
      if (entry.digest === foreign.manifest.descriptor.digest) delete entry.annotations
    writeFileSync(join(directory, 'index.json'), JSON.stringify(index))
    const [first, second] = [makeImage(), makeImage()]
    await publish(directory, first, undefined)
    await publish(directory, second, undefined)
    const digests = entriesOf(directory).map(({ digest }) => digest)
    assert.equal(digests.length, 3)
    assert.ok(digests.includes(foreign.manifest.descriptor.digest))
    assert.ok(!digests.includes(first.manifest.descriptor.digest))
    const reader = await OciLayout.read('oci:x', directory)
    assert.deepEqual(await reader.manifest(undefined), second.manifest)
  })

  test('the only image needs no tag; of several none is meant', async () => {
    const directory = newPath()
    const image = makeImage()
    await publish(directory, image, 'v1')
    const reader = await OciLayout.read('oci:x', directory)
    assert.deepEqual(await reader.manifest(undefined), image.manifest)
    await publish(directory, makeImage(), 'v2')
    assert.equal(await reader.manifest(undefined), undefined)
  })

  test('manifests of an index are found through it, not listed beside it', async () => {
    const directory = newPath()
    const images = [makeImage(), makeImage()]
    const layout = await OciLayout.open('oci:x', directory)
    for (const image of images) await putImage(layout, image, undefined)
    const index = makeIndex(images.map(({ manifest }) => manifest))
    await layout.putManifest(index, undefined)
    await layout.publish()
    await layout.close()
    assert.deepEqual(
      entriesOf(directory).map(({ digest }) => digest),
      [index.descriptor.digest],
    )
  })

  test('a signature does not replace an image', async () => {
    const directory = newPath()
    const image = makeImage()
    await publish(directory, image, undefined)
    const layout = await OciLayout.open('oci:x', directory)
    const { config, layers } = JSON.parse(String(image.manifest.bytes)) as Record<string, unknown>
    const about = { schemaVersion: 2, config, layers, subject: image.manifest.descriptor }
    await layout.putManifest(
      blobOf(Buffer.from(JSON.stringify(about)), image.manifest.descriptor.mediaType),
      undefined,
    )
    await layout.publish()
    assert.equal(entriesOf(directory).length, 2)
    assert.deepEqual(await layout.manifest(undefined), image.manifest)
    await layout.close()
  })
})
