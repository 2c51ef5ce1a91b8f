/**
 * Inputs for the benchmarks: trees like those of a real closure, made the same on every machine. Most
 * files of a store are small and most bytes are in few large ones; the sizes follow a fixed sequence.
 */
import { closeSync, existsSync, mkdirSync, openSync, symlinkSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { randomSequence } from '../test/support/random-sequence.js'

export interface ClosureShape {
  layers: number
  /** Members below all store paths: files, directories, symlinks. */
  entries: number
  /** Of all files together. */
  bytes: number
  /** Of the largest file, as a part of all bytes. */
  largest: number
  /** Every file of this size, in bytes, in place of the mixture. */
  fileSize?: number
}

/** Bytes that files take parts of: more than a compressor looks back. */
const CONTENT = 1 << 20

/**
 * Makes the store paths of a closure, one a layer, unless they are there already.
 * @returns the layers, each a list of store paths
 */
export function makeClosure(store: string, shape: ClosureShape): string[][] {
  const layers = Array.from({ length: shape.layers }, (_, i) => [
    join(store, `${String(i).padStart(32, '0')}-package-${i}`),
  ])
  if (existsSync(join(store, 'complete'))) return layers
  mkdirSync(store, { recursive: true })
  const random = randomSequence(1)
  const text = textBuffer()
  const noise = noiseBuffer()
  // A tenth of the entries are directories, a tenth symlinks.
  const files = Math.max(shape.layers, Math.round(shape.entries * 0.8))
  const sizes = fileSizes(files, shape, random)
  const perLayer = distribute(files, shape.layers, random)
  let next = 0
  for (const [i, [path]] of layers.entries()) {
    let directory = path!
    mkdirSync(directory)
    for (let k = 0; k < perLayer[i]!; k++) {
      if (k % 8 === 0) {
        const parent = random() < 0.6 ? path! : directory
        directory = join(parent, k % 24 === 0 ? `lib-${k}` : `share-${k}`)
        mkdirSync(directory)
        symlinkSync(`../${k}.so`, join(directory, `lib${k}.so.1`))
      }
      const content = random() < 0.1 ? noise : text
      writeFile(join(directory, `file-${k}.dat`), sizes[next++]!, content, random)
    }
  }
  writeFileSync(join(store, 'complete'), '')
  return layers
}

/** Sizes of all files: a long tail, scaled to the bytes that are wanted. */
function fileSizes(count: number, shape: ClosureShape, random: () => number): number[] {
  if (shape.fileSize !== undefined) return new Array<number>(count).fill(shape.fileSize)
  const sizes = Array.from({ length: count }, () => Math.min(1 / (random() + 1e-5) ** 1.25, 1e5))
  const largest = shape.bytes * shape.largest
  const scale = (shape.bytes - largest) / sizes.reduce((sum, size) => sum + size, 0)
  const scaled = sizes.map((size) => Math.round(size * scale))
  scaled[Math.floor(count / 3)] = Math.round(largest)
  return scaled
}

/** How many files each layer has: a few large layers, many small ones. */
function distribute(files: number, layers: number, random: () => number): number[] {
  const weights = Array.from({ length: layers }, () => 0.2 + random() ** 3 * 5)
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  const counts = weights.map((weight) => Math.max(1, Math.floor((files * weight) / total)))
  let left = files - counts.reduce((sum, count) => sum + count, 0)
  for (let i = 0; left !== 0; i = (i + 1) % layers) {
    if (left > 0) counts[i]!++
    else if (counts[i]! > 1) counts[i]!--
    else continue
    left += left > 0 ? -1 : 1
  }
  return counts
}

/** A thousand words, some often and most seldom: gzip makes about a third of them, as it does of programs. */
function textBuffer(): Buffer {
  const random = randomSequence(3)
  const words = Array.from({ length: 1000 }, () =>
    Buffer.from(Array.from({ length: 3 + Math.floor(random() * 8) }, () => Math.floor(random() * 256))),
  )
  const buffer = Buffer.alloc(CONTENT)
  for (let at = 0; at < CONTENT; ) at += words[Math.floor(random() ** 3 * words.length)]!.copy(buffer, at)
  return buffer
}

/** What is compressed already. */
function noiseBuffer(): Buffer {
  const random = randomSequence(2)
  const buffer = Buffer.allocUnsafe(CONTENT)
  for (let i = 0; i < buffer.length; i += 4) buffer.writeUInt32LE((random() * 2 ** 32) >>> 0, i)
  return buffer
}

function writeFile(path: string, size: number, content: Buffer, random: () => number): void {
  const fd = openSync(path, 'w')
  for (let left = size; left > 0; ) {
    const length = Math.min(left, content.length)
    const start = Math.floor(random() * (content.length - Math.min(length, content.length - 1)))
    left -= writeSync(fd, content, start, Math.min(length, content.length - start))
  }
  closeSync(fd)
}
