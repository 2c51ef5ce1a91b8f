/** What a benchmark run found. */
import type { Held } from '../test/support/mixed-builds.js'

export interface CaseResult {
  name: string
  title: string
  /** Medians, in seconds; ratio is the median of the pairs' ratios. */
  reference: number
  ours: number
  ratio: number
  ratioSpread: [number, number]
  /** CPU seconds. */
  referenceCpu: number
  oursCpu: number
  /** Peak bytes of ours. */
  memory: number
  /** Seconds until our first byte. */
  firstByte: number
}

/** Pushes to a registry. Seconds, bytes. */
export interface PushResult {
  title: string
  reference: number | null
  ours: number
  ratio: number | null
  memory: number
  note?: string
}

/** Into an engine. Seconds, bytes; least and greatest of the runs. */
export interface LoadResult {
  title: string
  reference: number | null
  ours: number
  oursSpread: [number, number] | null
  ratio: number | null
  ratioSpread: [number, number] | null
  memory: number
}

/** What a verb takes that reads images. Seconds, bytes. */
export interface ReadResult {
  title: string
  seconds: number
  memory: number
}

/** A way out, or in, of one image: seconds, and the most bytes, open descriptors and threads that it had. */
export interface WayResult {
  title: string
  seconds: number
  memory: number
  descriptors: number
  threads: number
}

/** Large numbers of something. */
export interface ScaleResult extends WayResult {
  note: string
}

/** What a process holds after so many builds. Bytes. */
export interface LeakResult extends Held {
  builds: number
  memory: number
  heap: number
}

/** A build into a pipe on so many cores. Seconds. */
export interface CoresResult {
  name: string
  title: string
  /** Measured alone, and while all cores do the same. */
  costs: PartCosts
  busy: PartCosts
  /** With the part that saves most when it takes half, and what share of the time that is. CPU is without the reader's. */
  simulated: { cores: number; seconds: number; cpu: number; binds: { part: string; saves: number } }[]
  measured: { cores: number; seconds: number; cpu: number }[]
  /** For the same numbers of cores. */
  whatIf: { title: string; seconds: number[] }[]
  /** GNU tar to a pipe, on this machine. */
  tar: number
}

/** Bytes of an image, and CPU seconds of its parts; `largest` is the hashing of the largest layer. */
export type PartCosts = Record<
  'bytes' | 'walk' | 'read' | 'hash' | 'largest' | 'produce' | 'write' | 'take' | 'start' | 'thread',
  number
>

/** A build with so many threads on this machine. */
export interface WorkersResult {
  name: string
  title: string
  jobs: number
  seconds: number
  cpu: number
  memory: number
}

export interface Results {
  date: string
  machine: string
  command: string
  pairs: number
  cases: CaseResult[]
  workers: WorkersResult[]
  growth: { eighths: number; seconds: number; memory: number }[]
  /** Seconds for the same bytes: SHA-256 in parallel, and one GNU tar to a pipe. */
  limits: { openssl: number; tar: number } | null
  push: PushResult[]
  load: LoadResult[]
  reading: ReadResult[]
  ways: WayResult[]
  engines: WayResult[]
  leaks: LeakResult[]
  scale: ScaleResult[]
  cores: CoresResult[]
}

/** Of what was not asked for. */
export const NOTHING = {
  ...{ cases: [], workers: [], growth: [], limits: null, push: [], load: [], reading: [] },
  ...{ ways: [], engines: [], leaks: [], scale: [], cores: [] },
}
