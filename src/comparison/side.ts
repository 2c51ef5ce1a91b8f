/** One of two images that are compared: what is known of it without reading it, and how its layers are read. */
import { nameOf, untrueLayer } from '../documents/layer-names.js'
import type { ContentsTask, LayerContents } from '../layers/contents.js'
import type { Group } from '../layers/groups.js'
import type { Document } from '../model/descriptor.js'
import type { Digest } from '../model/digest.js'
import type { Image } from '../model/image.js'
import type { Layer } from '../model/layer.js'
import type { Recipe } from '../model/recipe.js'
import type { Slices, Workshop } from '../pool/workshop.js'
import type { ChecksumPasses } from '../writers/checksum-passes.js'
import type { LayerCost } from './costs.js'

/** What a layer's archive is without its members. */
export interface ReadLayer {
  groups: readonly Group[]
  size: number
  /** Where its last member ends. */
  end: number
  problem?: string | undefined
}

export class Side {
  private constructor(
    readonly name: string,
    readonly image: Image,
    readonly diffIds: readonly Digest[],
    /** What taking each layer costs. */
    readonly costs: readonly LayerCost[],
    readonly config: Document,
    private readonly storeDir: string,
    private readonly workshop: Workshop,
  ) {}

  /** @param storeDir that of both images @throws ImageError of its layers */
  static async open(
    name: string,
    image: Image,
    storeDir: string,
    { workshop, passes }: { workshop: Workshop; passes: ChecksumPasses },
  ): Promise<Side> {
    const costs = await Promise.all(image.layers.map((layer) => costOf(layer, passes)))
    const diffIds = costs.map(({ diffId }) => diffId)
    return new Side(name, image, diffIds, costs, image.config(diffIds), storeDir, workshop)
  }

  /** What is in a layer. @throws ImageError for one that is not what the image says */
  async read(index: number): Promise<ReadLayer> {
    const { groups, size, end, problem } = await this.contents(index, { digests: true })
    return { groups, size, end, problem }
  }

  /** @throws ImageError as {@link read} */
  async contents(
    index: number,
    task: Pick<ContentsTask, 'digests' | 'members' | 'room' | 'rewrites'>,
  ): Promise<LayerContents> {
    const layer = this.image.layers[index]!
    const recipe = await layer.recipe()
    const found = await this.workshop.contents(
      { ...task, recipe, storeDir: this.storeDir },
      nameOf(layer.source),
    )
    if (found.diffId !== this.diffIds[index])
      throw untrueLayer(layer.source, this.diffIds[index]!, found.diffId)
    return found
  }

  /** A layer's bytes. @param size of its archive */
  async slices(index: number, size: number): Promise<Slices> {
    const layer = this.image.layers[index]!
    return this.workshop.slices(sized(await layer.recipe(), size), nameOf(layer.source))
  }
}

/** Layers that are blobs, or whose diff IDs are claimed, are not read for it. */
async function costOf(layer: Layer, passes: ChecksumPasses): Promise<LayerCost> {
  if (layer.stored === undefined) return passes.of(layer)
  const { diffId, descriptor } = layer.stored
  return { diffId, blob: descriptor.digest, size: descriptor.size }
}

function sized(recipe: Recipe, size: number): Recipe {
  return recipe.kind === 'store' ? recipe : { ...recipe, range: { ...recipe.range, size } }
}
