/** What a worker can be asked to do: the messages between threads, and the functions behind them. */
import { threadId } from 'node:worker_threads'
import { toWire, type WireError } from '../errors.js'
import type { Digest } from '../model/digest.js'
import type { MadeBlob } from '../model/layer.js'
import type { Recipe } from '../model/recipe.js'
import type { ArchiveCursor } from './archive.js'
import type { ArchiveTask } from './archive-index.js'
import type { Audit, AuditTask } from './audit.js'
import type { BaseImage } from './base.js'
import { type BlobTask, writeBlob } from './blob.js'
import {
  type Checksum,
  type ChecksumTask,
  checksumUpTo,
  digestRecipe,
  type LargeLayer,
  type LayerChecksum,
  type PlannedLayer,
  planLayer,
  type StorePaths,
} from './checksum.js'
import type { Expanded, ExpandTask } from './compressed-ranges.js'
import type { ContentsTask, LayerContents } from './contents.js'
import type { CustomisationLayer } from './customisation.js'
import { help } from './help.js'
import type { PieceMemory } from './pieces.js'
import { hashTogether, isShared, type Production, produce, produceAlone } from './production.js'
import { type SliceTask, writeSlice } from './slices.js'
import type { WholeArchive } from './whole-archive.js'

/** Input and output of each task. */
export interface Tasks {
  /** What store paths hold, and how large their archive will be. */
  plan: { input: StorePaths; output: PlannedLayer }
  /** The checksum pass of store paths, but for those that are large. */
  checksum: { input: ChecksumTask & { upTo?: number }; output: LayerChecksum | LargeLayer }
  /** The checksum pass of one large layer, which others may help to read. */
  hashTogether: { input: Production; output: { diffId: Digest; isKept: boolean } }
  /** The checksum pass of what has a recipe. */
  digest: { input: { recipe: Recipe }; output: Checksum }
  /** The streaming pass: archives into a ring, one after the other; the digest of them all where it is wanted. */
  stream: { input: Production & { isHashed: boolean }; output: Digest | undefined }
  /** A part of an archive into shared memory. */
  slice: { input: SliceTask; output: ArchiveCursor | undefined }
  /** A layer's blob into a file; where other threads may help. */
  blob: { input: BlobTask & { pieces?: PieceMemory | undefined }; output: MadeBlob }
  /** What is in a layer. */
  contents: { input: ContentsTask; output: LayerContents }
  /** What of a layer is refused, or a danger, where it is unpacked. */
  audit: { input: AuditTask; output: Audit }
  openBase: { input: ArchiveTask; output: BaseImage }
  /** All images of an archive, with what is wrong with it. */
  openArchive: { input: ArchiveTask; output: WholeArchive }
  openCustomisation: { input: { directory: string }; output: CustomisationLayer }
  /** Parts of a compressed file into a plain one. */
  expand: { input: ExpandTask; output: Expanded }
  /** Help with what another thread is at. */
  help: { input: Help; output: undefined }
}

/** What a thread helps with: a blob's pieces that are to be compressed, or an archive's parts that are to be read. */
export type Help = { pieces: PieceMemory } | { production: Production }

/** The tasks of the checksum pass, and those in its place. */
export type Pass =
  | 'checksum'
  | 'hashTogether'
  | 'plan'
  | 'digest'
  | 'blob'
  | 'contents'
  | 'audit'
  | 'openCustomisation'

export type AnyPass = { [K in Pass]: { kind: K; input: Tasks[K]['input'] } }[Pass]

export type Reply<T> = ({ ok: true; value: T } | { ok: false; error: WireError }) & { work?: ThreadWork }

/** Which thread was at it, 0 is the main one, and when: milliseconds since the epoch. */
export interface ThreadWork {
  thread: number
  from: number
  to: number
}

export const tasks: { [K in keyof Tasks]: (input: Tasks[K]['input']) => Promise<Reply<Tasks[K]['output']>> } =
  {
    plan: (input) => reply(() => planLayer(input)),
    checksum: ({ upTo = Number.POSITIVE_INFINITY, ...task }) => reply(() => checksumUpTo(upTo, task)),
    digest: ({ recipe }) => reply(() => digestRecipe(recipe)),
    hashTogether: (input) => reply(() => hashTogether(input)),
    stream: ({ isHashed, ...production }) =>
      reply(() =>
        isShared(production, isHashed) ? produce(production) : produceAlone(production, isHashed),
      ),
    slice: (input) => reply(() => writeSlice(input)),
    blob: ({ pieces, ...task }) => reply(() => writeBlob(task, pieces)),
    help: (input) =>
      reply(async () => {
        if ('pieces' in input) await help(input.pieces)
        else produce(input.production, true)
        return undefined
      }),
    contents: (input) => reply(async () => (await import('./contents.js')).readContents(input)),
    audit: (input) => reply(async () => (await import('./audit.js')).auditLayer(input)),
    openBase: (input) => reply(async () => (await import('./base.js')).openBase(input)),
    openArchive: (input) => reply(async () => (await import('./whole-archive.js')).openArchive(input)),
    openCustomisation: (input) =>
      reply(async () => (await import('./customisation.js')).openCustomisation(input)),
    expand: (input) => reply(async () => (await import('./compressed-ranges.js')).expandFile(input)),
  }

async function reply<T>(run: () => T | Promise<T>): Promise<Reply<T>> {
  const from = now()
  const work = (): ThreadWork => ({ thread: threadId, from, to: now() })
  try {
    return { ok: true, value: await run(), work: work() }
  } catch (error) {
    return { ok: false, error: toWire(error), work: work() }
  }
}

/** The same clock in all threads. */
function now(): number {
  return Math.round(performance.timeOrigin + performance.now())
}
