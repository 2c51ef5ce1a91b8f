/**
 * An image's layers for destinations that are no stream: each may be produced at any time, in any order, on
 * any thread, or not at all when the destination has it.
 */
import { diffIdKey, type LayerKey, narKey, planKey } from '../cache/layer-keys.js'
import type { NarHashes } from '../cache/nar-hashes.js'
import type { BaseImage } from '../layers/base.js'
import type { Blob } from '../layers/blob.js'
import type { BlobCompression } from '../layers/compress.js'
import type { LayerContent } from '../layers/content.js'
import type { Fingerprint } from '../layers/fingerprint.js'
import type { LayerPool } from '../pool/pool.js'
import type { Conf } from '../spec/conf.js'
import type { Member } from '../tar/header.js'
import { type LayerSource, nameOf } from './layer.js'
import { checkStorePaths, customisationMember, handled, ownerOf, storeMember } from './sources.js'

/** What is known of a layer before it is produced. */
export interface PlannedContent {
  content: LayerContent
  /** Bytes of its archive. */
  size: number
  /** The diff ID in hex, where it is known before the archive is made. */
  diffId: string | undefined
  /** Its member in a docker-archive. @param diffId in hex */
  member(diffId: string): Member
}

export interface ContentLayer {
  readonly source: LayerSource
  /** Its name in caches; undefined when equal keys would not mean equal bytes. */
  key(): Promise<LayerKey | undefined>
  /** Plans the layer when it is asked for the first time. */
  plan(): Promise<PlannedContent>
}

/** The base's layers. @param makeFile gives an empty file, which a compressed base is expanded into */
export function baseContents(base: BaseImage, pool: LayerPool, makeFile: () => string): ContentLayer[] {
  const plainFile = once(() => openPlain(base, pool, makeFile))
  return base.layers.map(({ member, dataOffset, diffId }) => ({
    source: { kind: 'base', name: member.name },
    key: async () => diffIdKey(diffId),
    plan: once(async () => {
      const { size } = member
      const { path, fingerprint } = await plainFile()
      const range = { offset: dataOffset, size }
      return { content: { kind: 'range', path, fingerprint, range }, size, diffId, member: () => member }
    }),
  }))
}

async function openPlain(
  { path, compression, fingerprint, layers }: BaseImage,
  pool: LayerPool,
  makeFile: () => string,
): Promise<{ path: string; fingerprint: Fingerprint }> {
  if (compression === 'none') return { path, fingerprint }
  const into = makeFile()
  const size = Math.max(0, ...layers.map(({ dataOffset, member }) => dataOffset + member.size))
  const task = { path, compression, fingerprint, size, into }
  return { path: into, fingerprint: await pool.run('expand', task, `base image ${path}`) }
}

/** @throws ImageError STORE_PATH_INVALID when a path is not in the configuration's store directory */
export function storeContent(
  paths: readonly string[],
  conf: Conf,
  pool: LayerPool,
  narHashes: NarHashes,
): ContentLayer {
  checkStorePaths(paths, conf.storeDir)
  const owner = ownerOf(conf)
  const source: LayerSource = { kind: 'store', paths }
  const planning = once(() => pool.checksumPass('plan', { paths, owner }, nameOf(source)))
  const key = async (): Promise<LayerKey | undefined> => {
    const hashes = await narHashes
    if (hashes !== undefined) return narKey(paths, hashes, owner)
    const { plan, fresh } = await planning()
    return fresh ? undefined : planKey(plan, owner)
  }
  const plan = once(async (): Promise<PlannedContent> => {
    const { plan, size } = await planning()
    const member = (diffId: string): Member => storeMember(diffId, size, conf)
    return { content: { kind: 'store', plan, owner }, size, diffId: undefined, member }
  })
  return { source, key, plan }
}

export function customisationContent(conf: Conf, pool: LayerPool): ContentLayer {
  const directory = conf.customisationLayer
  const source: LayerSource = { kind: 'customisation', directory }
  const plan = once(async (): Promise<PlannedContent> => {
    const opened = await pool.checksumPass('openCustomisation', { directory }, nameOf(source))
    const { path, fingerprint, size, digest } = opened
    return {
      content: { kind: 'range', path, fingerprint, range: { offset: 0, size } },
      size,
      diffId: digest,
      member: (diffId) => customisationMember(opened.member, diffId, conf),
    }
  })
  return { source, key: async () => diffIdKey((await plan()).diffId!), plan }
}

/**
 * Has a worker write the layer's archive, compressed, into an existing file.
 * @param offset where in the file it starts, in bytes
 * @throws ImageError of the layer, or OUTPUT_FAILED
 */
export async function produceBlob(
  layer: ContentLayer,
  compression: BlobCompression,
  file: string,
  offset: number,
  pool: LayerPool,
): Promise<Blob> {
  const { content } = await layer.plan()
  return pool.checksumPass('blob', { content, compression, file, offset }, nameOf(layer.source))
}

/** The same promise each time. */
function once<T>(run: () => Promise<T>): () => Promise<T> {
  let result: Promise<T> | undefined
  return () => {
    result ??= handled(run())
    return result
  }
}
