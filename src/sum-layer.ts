/** One layer's checksum pass as a file, and its blob: what remote builders and binary caches can give each other. */
import { dirname, relative } from 'node:path'
import { encodeLayerFile, type LayerFileBlob, readLayerFile } from './cache/layer-file.js'
import type { Closure } from './closure/closure.js'
import { type OwnerOptions, ownerOf } from './closure/owner.js'
import { byPopularity } from './closure/popularity.js'
import { ImageError } from './errors.js'
import { expectApart } from './files/apart.js'
import { PartialFile, writeWhole } from './files/partial-file.js'
import { inRun } from './in-run.js'
import { type BlobCompression, encoderName } from './model/compression.js'
import type { MadeBlob } from './model/layer.js'
import type { Owner } from './model/owner.js'
import { blobCompression, type CompressionOptions } from './options.js'
import { type ClosureOptions, readClosure, rootsOf } from './plan-image.js'
import type { Workshop } from './pool/workshop.js'

export interface LayerOptions extends ClosureOptions, OwnerOptions {
  /** Where the layer file goes. */
  output: string
  /** Whether the layer has all that the paths need. */
  closure?: boolean | undefined
  /** Layer files, whose paths are left out. */
  without?: readonly string[] | undefined
  compression?: CompressionOptions | undefined
  /** Where the blob goes. */
  blob?: string | undefined
  threads?: number | undefined
  signal?: AbortSignal | undefined
}

/** @throws ImageError OPTION_INVALID, STORE_PATH_INVALID, FILE_CHANGED, OUTPUT_FAILED */
export async function sumLayer(options: LayerOptions): Promise<void> {
  const { output, blob: blobPath, threads, signal } = options
  const compression = compressionOf(options)
  expectApart(
    [output, blobPath ?? []].flat().map((path) => ({ name: path, path })),
    [],
  )
  const owner = ownerOf(options)
  const roots = rootsOf(options)
  const closure = await readClosure(roots, options.registration, signal)
  const paths = pathsOf(roots, closure, options)
  if (paths.length === 0)
    throw new ImageError('OPTION_INVALID', 'expected a path that no other layer has, found none', {
      hint: 'such a layer would be empty: leave it out',
    })
  const narHashes = paths.map((path) => closure.get(path)!.narHash)
  await inRun({ threads, signal }, async ({ workshop }) => {
    const file = compression && PartialFile.create(blobPath!)
    try {
      const made = await make(workshop, paths, owner, compression, file?.path)
      checkHashes(paths, narHashes, made.narHashes ?? [])
      let blob: LayerFileBlob | undefined
      if (file !== undefined) {
        await file.finish(made.blobSize)
        await file.publish()
        const place = relative(dirname(output), blobPath!)
        const encoder = encoderName(compression!.kind)
        blob = { file: place, compression: compression!, encoder, digest: made.digest, size: made.blobSize }
      }
      const { diffId, size } = made
      await writeWhole(output, encodeLayerFile({ paths, narHashes, owner, diffId, size, blob }), signal)
    } catch (error) {
      file?.discard()
      throw error
    }
  })
}

type Packing = BlobCompression & { kind: 'gzip' | 'zstd' }

function compressionOf({ compression, blob }: LayerOptions): Packing | undefined {
  const kind = compression?.kind ?? 'none'
  const isPacked = kind !== 'none'
  if (isPacked !== (blob !== undefined))
    throw new ImageError(
      'OPTION_INVALID',
      `expected both --compress gzip or zstd and --blob FILE, or neither, found ${isPacked ? 'no file' : 'no compression'}`,
    )
  if (!isPacked) return undefined
  return { ...blobCompression(compression!), kind }
}

/** In the order of the archive: as they are named, or the most popular first. */
function pathsOf(roots: readonly string[], closure: Closure, options: LayerOptions): readonly string[] {
  const others = new Set((options.without ?? []).flatMap((file) => readLayerFile(file).paths))
  const all = options.closure ? byPopularity(closure) : roots
  return all.filter((path) => !others.has(path))
}

async function make(
  workshop: Workshop,
  paths: readonly string[],
  owner: Owner,
  compression: BlobCompression | undefined,
  file: string | undefined,
): Promise<MadeBlob> {
  const subject = 'the layer'
  if (compression === undefined || file === undefined) {
    const summed = await workshop.checksum({ paths, owner, nar: true }, subject)
    return { ...summed, digest: summed.diffId, blobSize: summed.size }
  }
  const { plan, size } = await workshop.plan({ paths, owner }, subject)
  return workshop.blob(
    { recipe: { kind: 'store', plan, owner }, size, compression, file, offset: 0, nar: true },
    subject,
  )
}

/** What was read is to be what the store's database says. */
function checkHashes(
  paths: readonly string[],
  expected: readonly string[],
  found: readonly (string | undefined)[],
): void {
  for (const [i, path] of paths.entries()) {
    if (expected[i] !== found[i])
      throw new ImageError(
        'STORE_PATH_INVALID',
        `${path}: expected the NAR hash ${expected[i]}, found ${found[i] ?? 'what has none'}`,
        { hint: `it is not what it was when it was built: nix-store --verify-path ${path}` },
      )
  }
}
