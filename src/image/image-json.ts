/** The image JSON and the manifest (Docker image specification v1.2), in the order the reference has. */
import { createHash } from 'node:crypto'
import { dumps, type Json } from '../python/json.js'
import { pythonListRepr } from '../python/repr.js'

export interface ImageDescription {
  /** As `datetime.isoformat` prints it. */
  created: string
  architecture: string
  config: Json
  layers: readonly { digest: string; historyPaths: readonly string[] }[]
}

export interface ImageDocument {
  bytes: Buffer
  /** SHA-256 in hex: the image ID. */
  digest: string
}

export function imageJson(image: ImageDescription): ImageDocument {
  const document: Json = new Map<string, Json>([
    ['created', image.created],
    ['architecture', image.architecture],
    ['os', 'linux'],
    ['config', image.config],
    [
      'rootfs',
      new Map<string, Json>([
        ['diff_ids', image.layers.map((layer) => `sha256:${layer.digest}`)],
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
  const bytes = Buffer.from(dumps(document), 'latin1')
  return { bytes, digest: createHash('sha256').update(bytes).digest('hex') }
}

/** `manifest.json` of a docker-archive. */
export function manifestJson(configName: string, repoTag: string, layerNames: readonly string[]): Buffer {
  const element = new Map<string, Json>([
    ['Config', configName],
    ['RepoTags', [repoTag]],
    ['Layers', [...layerNames]],
  ])
  return Buffer.from(dumps([element]), 'latin1')
}
