/** The image that a docker-archive holds, as docker, podman, skopeo, nixpkgs or this program saved it. */
import { diffIdKey } from '../cache/layer-keys.js'
import { nameOf } from '../documents/layer-names.js'
import { configDocument } from '../documents/oci-manifest.js'
import type { Image } from '../model/image.js'
import type { Layer, Plan } from '../model/layer.js'
import type { Workshop } from '../pool/workshop.js'
import { once } from './once.js'

/** @param path of the archive, plain or compressed @throws ImageError IMAGE_INVALID */
export async function openDockerArchive(path: string, workshop: Workshop): Promise<Image> {
  const { layers, config, names, mtime, file } = await workshop.openBase(path)
  return {
    layers: layers.map(({ member, range, diffId }): Layer => {
      const source = { kind: 'image', name: member.name } as const
      const recipe = { ...file, range }
      const { size } = range
      const plan: Plan = { recipe, size, diffId, claimed: true, fresh: false, member }
      return {
        source,
        key: async () => diffIdKey(diffId),
        plan: async () => plan,
        recipe: async () => recipe,
        // However many destinations compare it.
        checksum: once(async () => {
          const found = await workshop.digest(recipe, nameOf(source))
          return { ...plan, diffId: found.diffId, claimed: false }
        }),
      }
    }),
    names,
    mtime,
    config: () => configDocument(Buffer.from(config)),
  }
}
