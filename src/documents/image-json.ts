/** The image JSON and the manifest (Docker image specification v1.2), in the order the reference has. */
import * as v from 'valibot'
import { ImageError } from '../errors.js'
import type { Document } from '../model/descriptor.js'
import { type Digest, isDigest } from '../model/digest.js'
import { dumps, type Json } from '../python/json.js'
import { pythonListRepr } from '../python/repr.js'
import { configDocument } from './oci-manifest.js'

interface ImageDescription {
  /** As `datetime.isoformat` prints it. */
  created: string
  architecture: string
  config: Json
  layers: readonly { diffId: Digest; historyPaths: readonly string[] }[]
}

/** The image config of OCI, which is Docker's image JSON; its digest is the image ID. */
export function imageJson(image: ImageDescription): Document {
  const document: Json = new Map<string, Json>([
    ['created', image.created],
    ['architecture', image.architecture],
    ['os', 'linux'],
    ['config', image.config],
    [
      'rootfs',
      new Map<string, Json>([
        ['diff_ids', image.layers.map(({ diffId }) => diffId)],
        ['type', 'layers'],
      ]),
    ],
    [
      'history',
      image.layers.map(
        (layer) =>
          new Map<string, Json>([
            ['created', image.created],
            ['comment', `store paths: ${pythonListRepr(layer.historyPaths)}`],
          ]),
      ),
    ],
  ])
  return configDocument(Buffer.from(dumps(document), 'latin1'))
}

/** `manifest.json` of a docker-archive. */
export function manifestJson(
  configName: string,
  names: readonly string[],
  layerNames: readonly string[],
): Buffer {
  const element = new Map<string, Json>([
    ['Config', configName],
    ['RepoTags', [...names]],
    ['Layers', [...layerNames]],
  ])
  return Buffer.from(dumps([element]), 'latin1')
}

const DIFF_IDS = v.object({ rootfs: v.object({ diff_ids: v.array(v.custom<Digest>(isDigest)) }) })

/** The diff IDs that an image config lists. @param name of the image, for the message @throws ImageError IMAGE_INVALID */
export function diffIdsOf(config: Buffer, name: string): Digest[] {
  try {
    return v.parse(DIFF_IDS, JSON.parse(config.toString())).rootfs.diff_ids
  } catch (error) {
    const message = `${name}: expected an image config with "rootfs.diff_ids", a list of digests, found other content`
    throw new ImageError('IMAGE_INVALID', message, { cause: error })
  }
}
