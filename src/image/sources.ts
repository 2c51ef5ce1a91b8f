/** The three sources of layers: a base image, lists of store paths, the customisation layer. */
import { ImageError } from '../errors.js'
import type { Emit } from '../events.js'
import type { BaseImage } from '../layers/base.js'
import { copyPlainRange } from '../layers/ranges.js'
import type { LayerPool } from '../pool/pool.js'
import type { QueuedLayer, Streamer, Write } from '../pool/streamer.js'
import { pythonListRepr } from '../python/repr.js'
import type { Conf } from '../spec/conf.js'
import { newMember } from '../tar/header.js'
import type { Layer, LayerInfo, LayerSource } from './layer.js'

/**
 * A layer whose checksum pass was queued; called with the streamer it queues the streaming pass too. In
 * between the base image is opened, whose layers come first.
 */
export type StartedLayer = (streamer: Streamer) => Layer

/** The base's layers, in order. One producer decompresses them all, so that the base is read once. */
export function baseLayers(base: BaseImage, pool: LayerPool, streamer: Streamer): Layer[] {
  const { path, compression, fingerprint } = base
  const ranges = base.layers.map(({ dataOffset, member }) => ({ offset: dataOffset, size: member.size }))
  const production =
    compression === 'none'
      ? undefined
      : streamer.enqueue((ring) =>
          pool.streamingPass(
            'ranges',
            { path, compression, fingerprint, ranges, ring },
            `base image ${path}`,
          ),
        )
  return base.layers.map(({ member, diffId }, i) => ({
    source: { kind: 'base', name: member.name },
    info: Promise.resolve({ digest: diffId, size: member.size, member }),
    stream: async (write) => {
      if (production === undefined) return copyPlainRange(path, fingerprint, ranges[i]!, write)
      await streamer.copy(production, member.size, write)
      if (i === base.layers.length - 1) await streamer.settled(production)
    },
  }))
}

/** @throws ImageError STORE_PATH_INVALID when a path is not in the configuration's store directory */
export function storeLayer(
  paths: readonly string[],
  conf: Conf,
  pool: LayerPool,
  emit: Emit,
  verify: boolean,
): StartedLayer {
  const outside = paths.filter((path) => !path.startsWith(conf.storeDir))
  if (outside.length > 0) {
    throw new ImageError(
      'STORE_PATH_INVALID',
      `expected paths in ${conf.storeDir}, found ${pythonListRepr(outside)}`,
    )
  }
  const { mtime, uid, gid, uname, gname } = conf
  const owner = { mtime, uid, gid, uname, gname }
  const source: LayerSource = { kind: 'store', paths }
  const subject = `layer of ${pythonListRepr(paths)}`
  const checksum = announced(pool.checksumPass('checksum', { paths, owner }, subject), source, emit)
  return (streamer) => {
    const known = checksum.then(({ plan, digest, fresh, size }): QueuedLayer => {
      return { task: { paths, plan, owner, digest: verify || fresh ? digest : undefined }, size }
    })
    const production = streamer.enqueueLayer(handled(known), (layers, ring) =>
      pool.streamingPass('archive', { layers, ring }, subject),
    )
    const info = checksum.then(({ digest, size }): LayerInfo => {
      return { digest, size, member: newMember(`${digest}/layer.tar`, size, mtime) }
    })
    const stream = async (write: Write): Promise<void> => {
      await streamer.copy(production, (await info).size, write)
      await streamer.settled(production)
    }
    return { source, info: handled(info), stream }
  }
}

export function customisationLayer(conf: Conf, pool: LayerPool, emit: Emit): Layer {
  const directory = conf.customisationLayer
  const source: LayerSource = { kind: 'customisation', directory }
  const subject = `customisation layer ${directory}`
  const opened = announced(pool.checksumPass('openCustomisation', { directory }, subject), source, emit)
  const info = opened.then(({ digest, size, member }): LayerInfo => {
    return { digest, size, member: { ...member, name: `${digest}/layer.tar`, mtime: conf.mtime } }
  })
  const stream = async (write: Write): Promise<void> => {
    const { path, size, fingerprint } = await opened
    await copyPlainRange(path, fingerprint, { offset: 0, size }, write)
  }
  return { source, info: handled(info), stream }
}

function announced<T extends { digest: string; size: number }>(
  checksum: Promise<T>,
  source: LayerSource,
  emit: Emit,
): Promise<T> {
  return handled(
    checksum.then((found) => {
      emit({ type: 'layer-checksummed', source, digest: found.digest, size: found.size })
      return found
    }),
  )
}

/** The promise itself; that it may fail before its turn comes is no unhandled rejection. */
function handled<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {})
  return promise
}
