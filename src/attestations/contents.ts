/** What an image is made of, as SBOMs and provenance tell it: its store paths, and what the store knows of them. */
import * as v from 'valibot'
import { nixStoreDir } from '../cache/nix-store.js'
import type { StorePath } from '../closure/closure.js'
import { pathsOfComment } from '../closure/previous.js'
import { describeKnown } from '../closure/query.js'
import { diffIdsOf } from '../documents/image-json.js'
import { parseDocument } from '../documents/json.js'
import { fromNixBase32 } from '../layers/nar.js'
import type { Document } from '../model/descriptor.js'
import type { Digest } from '../model/digest.js'
import type { Layer } from '../model/layer.js'
import { nameAndVersion, packageNameOf } from './drv-name.js'

export interface Contents {
  /** `NAME:TAG`, or the image ID where it has no name. */
  name: string
  imageId: Digest
  /** In UTC, in whole seconds: `1970-01-01T00:00:01Z`. */
  created: string
  /** By path. */
  packages: readonly Package[]
}

/** A store path. */
export interface Package {
  path: string
  name: string
  version: string | undefined
  /** Of the layers that have it, from the lowest on. */
  diffIds: readonly Digest[]
  /** What the store's database says of it, where there is one that has it. */
  known: Known | undefined
}

export interface Known {
  /** As Nix writes it. */
  narHash: string
  /** The same SHA-256 in hex. */
  narHex: string
  deriver: string | undefined
  /** Of the image's store paths, without itself; in order. */
  references: readonly string[]
}

/** An image, as far as it is known without its layers' bytes. */
interface Described {
  names: readonly string[]
  config: Document
  /** The store paths of each layer, from the lowest on. */
  paths: readonly (readonly string[])[]
}

/** @param warn takes a sentence when there are paths of which nothing is known */
export async function contentsOf(
  { names, config, paths: pathsOfLayers }: Described,
  warn: (message: string) => void,
  signal: AbortSignal,
): Promise<Contents> {
  const { digest } = config.descriptor
  const name = names[0] ?? digest
  const diffIds = diffIdsOf(config.bytes, name)
  const layers = new Map<string, Set<Digest>>()
  for (const [i, paths] of pathsOfLayers.entries())
    for (const path of paths) layers.set(path, (layers.get(path) ?? new Set()).add(diffIds[i]!))
  const paths = [...layers.keys()].sort()
  const store = (await describeKnown(paths, signal)) ?? new Map<string, StorePath>()
  if (store.size < paths.length)
    warn(
      `of ${paths.length - store.size} of ${paths.length} store paths the Nix store of this machine knows nothing: their hashes and references are left out`,
    )
  const packages = paths.map((path): Package => {
    const entry = store.get(path)
    const references = entry?.references.filter((reference) => layers.has(reference)).toSorted()
    return {
      ...{ path, ...nameAndVersion(packageNameOf(path)), diffIds: [...layers.get(path)!] },
      known: entry && {
        narHash: entry.narHash,
        narHex: fromNixBase32(entry.narHash.slice('sha256:'.length)).toString('hex'),
        deriver: entry.deriver,
        references: references!,
      },
    }
  })
  return { name, imageId: digest, created: createdOf(config.bytes), packages }
}

const HISTORY = v.object({
  history: v.nullish(
    v.array(v.object({ comment: v.nullish(v.string()), empty_layer: v.nullish(v.boolean()) })),
  ),
})

/**
 * The store paths of each layer: those that it is made from; of a layer that was made elsewhere, those that the image's
 * history lists.
 */
export function storePathsOf(
  config: Buffer,
  layers: readonly Pick<Layer, 'source'>[],
): (readonly string[])[] {
  const parsed = v.safeParse(HISTORY, parseDocument(config))
  const history = parsed.success ? (parsed.output.history ?? []) : []
  const comments = history.filter((entry) => !entry.empty_layer).map(({ comment }) => comment ?? '')
  const listed = comments.length === layers.length ? comments : []
  return layers.map(({ source }, i) => {
    if (source.kind === 'store') return source.paths
    return pathsOfComment(listed[i] ?? '').filter(isInImage)
  })
}

/** Whether a path that a history lists is in the image: of a customisation layer it names what that was made from. */
function isInImage(path: string): boolean {
  return path.startsWith(`${nixStoreDir()}/`) && !path.endsWith('-customisation-layer')
}

const CREATED = v.object({ created: v.string() })

/** The epoch where the config says nothing that is a time. */
function createdOf(config: Buffer): string {
  const parsed = v.safeParse(CREATED, parseDocument(config))
  const time = new Date(parsed.success ? parsed.output.created : 0)
  return new Date(Number.isNaN(time.valueOf()) ? 0 : time).toISOString().replace(/\.\d+Z$/, 'Z')
}
