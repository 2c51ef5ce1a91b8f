/** The first image of an archive as docker, podman and skopeo save it. */
import { diffIdKey } from '../cache/layer-keys.js'
import { nameOf } from '../documents/layer-names.js'
import { configDocument } from '../documents/oci-manifest.js'
import type { BaseImage } from '../layers/base.js'
import type { Image } from '../model/image.js'
import type { Layer, Plan } from '../model/layer.js'
import type { Workshop } from '../pool/workshop.js'
import type { ArchiveContext } from './layout-archive.js'
import { once } from './once.js'

/**
 * @param name of the archive, for messages @param path of it, plain or compressed; it may be an image layout in place of a
 *   docker-archive, or be both
 * @throws ImageError IMAGE_INVALID
 */
export async function openDockerArchive(name: string, path: string, context: ArchiveContext): Promise<Image> {
  const base = await context.workshop.openBase(path)
  if (!base.needsLayout) return imageOf(base, context.workshop)
  const { openLayoutArchive } = await import('./layout-archive.js')
  return openLayoutArchive(name, base, context)
}

function imageOf({ layers, config, names, mtime, file }: BaseImage, workshop: Workshop): Image {
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
