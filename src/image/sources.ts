/** The three sources of layers: a base image, lists of store paths, the customisation layer. */

import type { KnownLayer, LayerMemory, LayerTasks } from '../cache/layer-memory.js'
import { ImageError, staleEntry } from '../errors.js'
import type { Emit } from '../events.js'
import type { BaseImage } from '../layers/base.js'
import { changed } from '../layers/fingerprint.js'
import type { Owner } from '../layers/layer-headers.js'
import { copyPlainRange } from '../layers/ranges.js'
import type { LayerPool } from '../pool/pool.js'
import type { QueuedLayer, Streamer, Write } from '../pool/streamer.js'
import { pythonListRepr } from '../python/repr.js'
import type { Conf } from '../spec/conf.js'
import { type Member, newMember } from '../tar/header.js'
import { type Layer, type LayerInfo, type LayerSource, nameOf } from './layer.js'
import { copyVerified } from './verify.js'

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

/** What decides how store layers are made, beside their paths. */
export interface StoreLayers {
  conf: Conf
  pool: LayerPool
  emit: Emit
  /** Whether layers are hashed again while they are streamed. */
  verify: boolean
  /** Remembered digests, with what is needed for keys. */
  memory: LayerMemory | undefined
}

/** @throws ImageError STORE_PATH_INVALID when a path is not in the configuration's store directory */
export function storeLayer(
  paths: readonly string[],
  { conf, pool, emit, verify, memory }: StoreLayers,
): StartedLayer {
  checkStorePaths(paths, conf.storeDir)
  const owner = ownerOf(conf)
  const source: LayerSource = { kind: 'store', paths }
  const subject = nameOf(source)
  const tasks: LayerTasks = {
    plan: () => pool.checksumPass('plan', { paths, owner }, subject),
    checksum: (planned) => pool.checksumPass('checksum', { paths, owner, planned }, subject),
  }
  const computing = async (): Promise<KnownLayer> =>
    memory?.recall(paths, owner, subject, tasks) ?? {
      ...(await tasks.checksum(undefined)),
      remembered: false,
    }
  const checksum = announced(computing(), source, emit)
  return (streamer) => {
    const known = checksum.then(({ plan, size }): QueuedLayer => {
      return { task: { plan, owner }, size }
    })
    const production = streamer.enqueueLayer(handled(known), (layers, ring) =>
      pool.streamingPass('archive', { layers, ring }, subject),
    )
    const info = checksum.then(({ digest, size }): LayerInfo => {
      return { digest, size, member: storeMember(digest, size, conf) }
    })
    const stream = async (write: Write): Promise<void> => {
      const { digest, size, fresh, remembered } = await checksum
      const copy = (to: Write): Promise<void> => streamer.copy(production, size, to)
      const differs = (found: string): Error =>
        remembered
          ? staleEntry(subject, `SHA-256 ${digest}`, found)
          : changed(`a file in ${pythonListRepr(paths)}`, `SHA-256 ${digest} of the layer`, found)
      try {
        if (verify || fresh || remembered) await copyVerified(copy, write, digest, differs)
        else await copy(write)
        await streamer.settled(production)
      } catch (error) {
        if (error instanceof ImageError && error.code === 'CACHE_STALE') await memory?.forget(paths)
        throw error
      }
    }
    return { source, info: handled(info), stream }
  }
}

export function customisationLayer(conf: Conf, pool: LayerPool, emit: Emit): Layer {
  const directory = conf.customisationLayer
  const source: LayerSource = { kind: 'customisation', directory }
  const subject = nameOf(source)
  const opened = announced(pool.checksumPass('openCustomisation', { directory }, subject), source, emit)
  const info = opened.then(({ digest, size, member }): LayerInfo => {
    return { digest, size, member: customisationMember(member, digest, conf) }
  })
  const stream = async (write: Write): Promise<void> => {
    const { path, size, fingerprint } = await opened
    await copyPlainRange(path, fingerprint, { offset: 0, size }, write)
  }
  return { source, info: handled(info), stream }
}

/** @throws ImageError STORE_PATH_INVALID when a path is not in the store directory */
export function checkStorePaths(paths: readonly string[], storeDir: string): void {
  const outside = paths.filter((path) => !path.startsWith(storeDir))
  if (outside.length > 0)
    throw new ImageError(
      'STORE_PATH_INVALID',
      `expected paths in ${storeDir}, found ${pythonListRepr(outside)}`,
    )
}

export function ownerOf({ mtime, uid, gid, uname, gname }: Conf): Owner {
  return { mtime, uid, gid, uname, gname }
}

/** A store layer's member in a docker-archive. */
export function storeMember(digest: string, size: number, conf: Conf): Member {
  return newMember(`${digest}/layer.tar`, size, conf.mtime)
}

/** The customisation layer's member in a docker-archive. @param onDisk mode and owner of its `layer.tar` */
export function customisationMember(onDisk: Member, digest: string, conf: Conf): Member {
  return { ...onDisk, name: `${digest}/layer.tar`, mtime: conf.mtime }
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
export function handled<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {})
  return promise
}
