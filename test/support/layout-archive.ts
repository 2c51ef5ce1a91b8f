/** Archives of image layouts, with manifest.json beside them, as Docker from version 25 on and containerd save images. */
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Descriptor } from '../../src/model/descriptor.js'
import { block } from './raw-tar.js'

/** What a blob is called in a layout. */
export function blobName({ digest }: Pick<Descriptor, 'digest'>): string {
  return `blobs/${digest.replace(':', '/')}`
}

/** An element of manifest.json. */
export interface Listed {
  config: Descriptor
  layers: readonly Descriptor[]
  names?: readonly string[]
}

/** @param listed undefined: there is no manifest.json */
export function writeLayoutArchive(path: string, layout: string, listed?: readonly Listed[]): string {
  const names = readdirSync(layout, { recursive: true, encoding: 'utf8' })
  const files = names.filter((name) => statSync(join(layout, name)).isFile())
  const members = files.map((name) => ({ name, data: readFileSync(join(layout, name)) }))
  const list = listed?.map(({ config, layers, names = [] }) => ({
    ...{ Config: blobName(config), RepoTags: names, Layers: layers.map(blobName) },
  }))
  const all =
    list === undefined ? members : [...members, { name: 'manifest.json', data: JSON.stringify(list) }]
  writeFileSync(path, Buffer.concat([...all.map(block), Buffer.alloc(1024)]))
  return path
}
