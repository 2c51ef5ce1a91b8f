/** Layers that need no checksum pass, since layer files tell what it would find. They are believed as a cache is. */
import { statSync } from 'node:fs'
import { ImageError } from '../errors.js'
import { type BlobCompression, encoderName, PLAIN } from '../model/compression.js'
import type { Blob, LayerKey } from '../model/layer.js'
import type { Owner } from '../model/owner.js'
import { blobName, fitsName } from './entry.js'
import {
  blobOf,
  checkOwner,
  isCompressedSo,
  type LayerFile,
  MAKE_ANEW,
  readLayerFile,
  unfit,
} from './layer-file.js'
import { narKey } from './layer-keys.js'
import type { NarHashes } from './nar-hashes.js'

interface Known {
  /** Of the layer file. */
  path: string
  file: LayerFile
}

export class KnownLayers {
  private readonly byKey = new Map<string, Known>()
  /** Keys of the layers that were asked for. */
  readonly used = new Set<string>()
  /** Layer files whose blobs are wanted and of no use. */
  private readonly foreign = new Set<string>()

  /**
   * @param paths of layer files @param layers the image's lists of store paths @param hashes the store's
   * @param warn told of layer files that are of no use here
   * @throws ImageError LAYER_FILE_INVALID for one of another owner, time or format, or that is not true of the store
   */
  constructor(
    paths: readonly string[],
    layers: readonly (readonly string[])[],
    owner: Owner,
    hashes: NarHashes,
    private readonly warn: (message: string) => void,
  ) {
    const wanted = new Set(layers.map((list) => list.join('\0')))
    for (const path of paths) {
      const file = readLayerFile(path)
      if (!wanted.has(file.paths.join('\0'))) {
        warn(`layer file ${path}: no layer of the image has just its paths; it is not used`)
        continue
      }
      checkOwner(path, file, owner)
      const key = narKey(file.paths, hashes, owner)
      if (key === undefined) {
        warn(`layer file ${path}: the store tells no hashes of its paths; it is not used`)
        continue
      }
      checkHashes(path, file, key.narHashes!)
      checkSizes(path, file, key)
      this.byKey.set(key.text, { path, file })
    }
  }

  find(key: LayerKey, compression: BlobCompression): Blob | undefined {
    const known = this.byKey.get(key.text)
    const blob = known && blobOf(known.file, compression)
    if (blob !== undefined) this.used.add(key.text)
    else if (known !== undefined && isCompressedSo(known.file, compression)) this.tell(known, compression)
    return blob
  }

  private tell({ path, file }: Known, { kind }: BlobCompression): void {
    if (kind === 'none' || this.foreign.has(path)) return
    this.foreign.add(path)
    const { encoder = 'an earlier version' } = file.blob!
    this.warn(
      `layer file ${path}: its blob was compressed by ${encoder}, ${encoderName(kind)} is used here; it is made anew`,
    )
  }

  /** The file that holds the layer's blob. @throws ImageError LAYER_FILE_INVALID when there is no such file */
  blobFile(key: LayerKey, compression: BlobCompression): string | undefined {
    const known = this.byKey.get(key.text)
    if (compression.kind === 'none' || known === undefined) return undefined
    const file = blobOf(known.file, compression) && known.file.blob?.file
    if (file !== undefined && !statSync(file, { throwIfNoEntry: false })?.isFile())
      throw unfit(known.path, `its blob, the file ${file}`, 'no file there')
    return file
  }

  /** The error for a layer that is not what its layer file says; undefined when there is none. */
  untrue(key: LayerKey, what: string, expected: string, found: string): ImageError | undefined {
    const known = this.byKey.get(key.text)
    if (known === undefined) return undefined
    return new ImageError(
      'LAYER_FILE_INVALID',
      `${what}: expected ${expected} as the layer file ${known.path} says, found ${found}`,
      { hint: MAKE_ANEW },
    )
  }
}

function checkSizes(path: string, file: LayerFile, key: LayerKey): void {
  for (const compression of [PLAIN, file.blob?.compression ?? PLAIN]) {
    const blob = blobOf(file, compression)
    if (blob !== undefined && !fitsName(blobName(key, compression), blob))
      throw unfit(
        path,
        'sizes and digests of a layer and its blob',
        `${blob.size} and ${blob.blobSize} bytes, ${blob.diffId} and ${blob.digest}`,
      )
  }
}

function checkHashes(path: string, { paths, narHashes }: LayerFile, stored: readonly string[]): void {
  for (const [i, hash] of stored.entries()) {
    if (narHashes[i] !== hash)
      throw new ImageError(
        'LAYER_FILE_INVALID',
        `layer file ${path}: expected ${paths[i]} with the NAR hash ${hash} as the store has it, found ${narHashes[i]}`,
        { hint: MAKE_ANEW },
      )
  }
}
