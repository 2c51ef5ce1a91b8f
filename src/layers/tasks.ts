/** What a worker can be asked to do: the messages between threads, and the functions behind them. */
import { toWire, type WireError } from '../errors.js'
import type { RingMemory } from '../ring/layout.js'
import { RingWriter } from '../ring/writer.js'
import type { BaseImage } from './base.js'
import { type Blob, type BlobTask, writeBlob } from './blob.js'
import { type ChecksumTask, checksumLayer, type LayerChecksum } from './checksum.js'
import { type PlannedLayer, planLayer } from './content.js'
import type { CustomisationLayer } from './customisation.js'
import type { Fingerprint } from './fingerprint.js'
import type { Owner } from './layer-headers.js'
import type { ExpandTask, RangesTask } from './ranges.js'
import { type ArchiveTask, streamLayers } from './stream.js'

/** Input and output of each task. */
export interface Tasks {
  /** The checksum pass of a store layer. */
  checksum: { input: ChecksumTask; output: LayerChecksum }
  /** The streaming pass of store layers: their archives into a ring, one after the other. */
  archive: { input: { layers: readonly ArchiveTask[]; ring: RingMemory }; output: undefined }
  /** What a layer holds and how large its archive will be. */
  plan: { input: { paths: readonly string[]; owner: Owner }; output: PlannedLayer }
  /** A layer's archive into a file. */
  blob: { input: BlobTask; output: Blob }
  openBase: { input: { path: string }; output: BaseImage }
  openCustomisation: { input: { directory: string }; output: CustomisationLayer }
  /** The start of a compressed file, plain, into a new file. */
  expand: { input: ExpandTask; output: Fingerprint }
  /** Parts of a compressed file into a ring. */
  ranges: { input: RangesTask & { ring: RingMemory }; output: undefined }
  /** Several tasks of the checksum pass, in order; replies to those that fitted into a few milliseconds. */
  several: { input: Several; output: Reply<Tasks[Pass]['output']>[] }
}

/** The tasks of the checksum pass, and those in its place. */
export type Pass = 'checksum' | 'plan' | 'blob' | 'openCustomisation'

export type AnyPass = { [K in Pass]: { kind: K; input: Tasks[K]['input'] } }[Pass]

export interface Several {
  passes: readonly AnyPass[]
  /** Shared: the index of the pass that runs, for when its thread dies. */
  running: Int32Array
}

export type Reply<T> = { ok: true; value: T } | { ok: false; error: WireError }

/** Milliseconds after which {@link tasks.several} begins no further task. */
const LONG_ENOUGH = 10

export const tasks: { [K in keyof Tasks]: (input: Tasks[K]['input']) => Promise<Reply<Tasks[K]['output']>> } =
  {
    several: ({ passes, running }) =>
      reply(async () => {
        const replies: Reply<Tasks[Pass]['output']>[] = []
        const end = performance.now() + LONG_ENOUGH
        for (const [i, pass] of passes.entries()) {
          running[0] = i
          replies.push(await runPass(pass))
          if (performance.now() > end) break
        }
        return replies
      }),
    checksum: (input) => reply(() => checksumLayer(input)),
    archive: ({ layers, ring }) => reply(() => streamLayers(layers, new RingWriter(ring))),
    plan: (input) => reply(() => planLayer(input)),
    blob: (input) => reply(() => writeBlob(input)),
    openBase: (input) => reply(async () => (await import('./base.js')).openBase(input)),
    openCustomisation: (input) =>
      reply(async () => (await import('./customisation.js')).openCustomisation(input)),
    expand: (input) => reply(async () => (await import('./ranges.js')).expandFile(input)),
    ranges: ({ ring, ...task }) =>
      reply(async () => {
        const { copyCompressedRanges } = await import('./ranges.js')
        await copyCompressedRanges(task, new RingWriter(ring))
        return undefined
      }),
  }

function runPass<K extends Pass>({
  kind,
  input,
}: {
  kind: K
  input: Tasks[K]['input']
}): Promise<Reply<Tasks[K]['output']>> {
  return tasks[kind](input)
}

async function reply<T>(run: () => T | Promise<T>): Promise<Reply<T>> {
  try {
    return { ok: true, value: await run() }
  } catch (error) {
    return { ok: false, error: toWire(error) }
  }
}
