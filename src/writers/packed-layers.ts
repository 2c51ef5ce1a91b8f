/** Layers' compressed blobs in temporary files: what compression makes has to be there before it has a name. */
import { statSync } from 'node:fs'
import { nameOf, untrueLayer } from '../documents/layer-names.js'
import { layerType } from '../documents/oci-manifest.js'
import { handled } from '../errors.js'
import { fingerprintOf } from '../layers/fingerprint.js'
import type { BlobCompression } from '../model/compression.js'
import type { Layer } from '../model/layer.js'
import type { FileRange } from '../model/recipe.js'
import type { Workshop } from '../pool/workshop.js'
import { type OfferedLayer, sliced } from './offered-image.js'

export class PackedLayers {
  /** By the layers' keys: of a later image, only what is new is packed. */
  private readonly packed = new Map<string, Promise<OfferedLayer>>()

  constructor(
    private readonly workshop: Workshop,
    private readonly compression: BlobCompression,
  ) {}

  /** @throws ImageError of the layer, OUTPUT_FAILED */
  async offer(layer: Layer): Promise<OfferedLayer> {
    const key = (await layer.key())?.text
    const before = key === undefined ? undefined : this.packed.get(key)
    if (before !== undefined) return before
    const packing = handled(this.pack(layer))
    if (key !== undefined) {
      this.packed.set(key, packing)
      packing.catch(() => this.packed.delete(key))
    }
    return packing
  }

  private async pack(layer: Layer): Promise<OfferedLayer> {
    const { workshop, compression } = this
    const plan = await layer.plan()
    const path = workshop.makeFile()
    const name = nameOf(layer.source)
    const task = { recipe: plan.recipe, size: plan.size, compression, file: path, offset: 0 }
    const { diffId, size, digest, blobSize } = await workshop.blob(task, name)
    if (plan.diffId !== undefined && plan.diffId !== diffId)
      throw untrueLayer(layer.source, plan.diffId, diffId)
    const recipe: FileRange = {
      kind: 'range',
      path,
      fingerprint: fingerprintOf(statSync(path)),
      compression: 'none',
      range: { offset: 0, size: blobSize },
    }
    return {
      diffId,
      size,
      descriptor: { mediaType: layerType(compression.kind), digest, size: blobSize },
      bytes: (start, end) => sliced(workshop.slices(recipe, name), start, end),
    }
  }
}
