/**
 * Files that are written through a mapping while the image is built, so that size, mtime and ctime stay: with
 * `verify` an error, or an image whose digests are those of the bytes in it. Never another image than it says.
 */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import {
  createReadStream,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { after, describe, test } from 'node:test'
import { extract } from 'tar-stream'
import { type BuildEvent, buildImage, ImageError } from '../../src/index.js'
import { makeCustomisation, writeConf } from '../support/image.js'
import { MAPPED, Mapping, skipWithoutMapped } from '../support/mapping.js'
import { skipWithoutPython } from '../support/python.js'
import { settled } from '../support/settled.js'

const skip = skipWithoutMapped || skipWithoutPython
const MIB = 1 << 20
let count = 0
const root = skip ? '' : mkdtempSync(join(MAPPED, 'sli-'))
after(() => {
  if (root !== '') rmSync(root, { recursive: true, force: true })
})

interface Scene {
  conf: string
  output: string
  file: string
  customisation: string
}

/** @param size of the file in the store, and of the customisation layer, in bytes */
function scene(size = MIB): Scene {
  const directory = join(root, String(count++))
  mkdirSync(directory)
  const file = join(directory, 'file')
  const large = join(directory, 'large')
  writeFileSync(file, Buffer.alloc(size))
  // More than the ring between threads holds, so that a reader who takes nothing keeps the file from being streamed.
  writeFileSync(large, Buffer.alloc(2 * size + 9 * MIB))
  makeCustomisation(join(directory, 'customisation'), Buffer.alloc(size))
  return {
    conf: writeConf(directory, {
      store_layers: [[large], [file]],
      customisation_layer: join(directory, 'customisation'),
    }),
    output: join(directory, 'image.tar'),
    file,
    customisation: join(directory, 'customisation/layer.tar'),
  }
}

/** Size and times, of which a mapping changes none. */
function looksOf(path: string): bigint[] {
  const { size, mtimeNs, ctimeNs } = statSync(path, { bigint: true })
  return [size, mtimeNs, ctimeNs]
}

/** Fails unless each layer's bytes are those of the digest that names it. @returns the layers' archives */
async function layersOf(path: string): Promise<Buffer[]> {
  const layers: Buffer[] = []
  for await (const entry of createReadStream(path).pipe(extract())) {
    const pieces: Buffer[] = []
    for await (const piece of entry) pieces.push(piece as Buffer)
    const bytes = Buffer.concat(pieces)
    const digest = createHash('sha256').update(bytes).digest('hex')
    const { name } = entry.header
    if (name !== 'manifest.json') assert.match(name, new RegExp(`^${digest}(/layer\\.tar|\\.json)$`))
    if (name.endsWith('layer.tar')) layers.push(bytes)
  }
  assert.equal(layers.length, 3)
  return layers
}

/** Builds into a file. @returns its layers, or undefined when the build was refused with one of the codes */
async function buildFile({ conf, output }: Scene, codes: string[], onEvent?: (event: BuildEvent) => void) {
  try {
    await buildImage({ conf, destinations: [output], verify: true, threads: 1, onEvent })
  } catch (error) {
    assert.ok(error instanceof ImageError && codes.includes(error.code), String(error))
    assert.ok(!existsSync(output))
    return undefined
  }
  return layersOf(output)
}

describe('into a pipe, changed between the passes', { skip }, () => {
  const cache = { verify: false, cache: join(root, 'cache') }
  for (const [which, size, how] of [
    ['file', MIB, { verify: true }],
    ['file', 4096, { verify: true }],
    // What a cache is to remember is read a second time first.
    ['file', 4096, cache],
    ['customisation', MIB, { verify: true }],
  ] as const)
    test(`the ${which} of ${size} bytes is found out by its digest, with ${Object.keys(how)}`, async () => {
      const it = scene(size)
      const mapping = new Mapping(it[which])
      // The mapping is there, and its page is written to already; fresh files are compared without being asked for.
      await mapping.write(size - 1, 0)
      await settled(it.file)
      const before = looksOf(it[which])
      const output = new PassThrough({ highWaterMark: 1 })
      let waiting = 3
      const change = async (): Promise<void> => {
        await mapping.write(size - 1, 1)
        output.resume()
      }
      const onEvent = ({ type }: BuildEvent): void => {
        if (type === 'layer-checksummed' && --waiting === 0) void change()
      }
      await assert.rejects(buildImage({ conf: it.conf, output, ...how, onEvent }), (error) => {
        assert.ok(error instanceof ImageError)
        assert.equal(error.code, 'FILE_CHANGED', error.message)
        assert.match(error.message, /expected sha256:[0-9a-f]{64}, found sha256:[0-9a-f]{64}/)
        return true
      })
      assert.equal(waiting, 0)
      assert.deepEqual(looksOf(it[which]), before)
    })
})

describe('into a file, changed all the while', { skip }, () => {
  test('a store path: the digest is that of the bytes that were written', async () => {
    const it = scene(16 * MIB)
    const mapping = new Mapping(it.file)
    await mapping.hammer()
    const before = looksOf(it.file)
    const layers = await buildFile(it, ['FILE_CHANGED'])
    await mapping.rest()
    assert.deepEqual(looksOf(it.file), before)
    // Times and size are the same, so nothing refuses it.
    assert.ok(layers !== undefined)
    const bytes = layers[1]!.subarray(8 * MIB, 8 * MIB + 4096)
    assert.ok(bytes.every((byte) => byte !== 0))
  })

  test('a customisation layer is not that of its checksum', async () => {
    const it = scene(16 * MIB)
    const mapping = new Mapping(it.customisation)
    await mapping.hammer()
    assert.equal(await buildFile(it, ['CUSTOMISATION_INVALID']), undefined)
    await mapping.rest()
  })

  test('a customisation layer that was checked before: an error, or what its checksum says', async () => {
    const it = scene(16 * MIB)
    const mapping = new Mapping(it.customisation)
    await mapping.write(0, 0)
    let hammering: Promise<void> | undefined
    // The larger layer is written first; the customisation layer was opened before it.
    const layers = await buildFile(it, ['FILE_CHANGED'], ({ type }) => {
      if (type === 'layer-written') hammering ??= mapping.hammer()
    })
    assert.ok(hammering !== undefined)
    await hammering
    await mapping.rest()
    if (layers !== undefined) assert.ok(layers[2]!.equals(Buffer.alloc(16 * MIB)))
  })
})
