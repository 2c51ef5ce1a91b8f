/** What a display shows of a delivery, as a value that each event makes anew; bytes are of layers' archives. */
import type { BuildEvent, LayerUnderWay } from '../model/events.js'

export interface State {
  /** Milliseconds since any fixed time, here and below. */
  readonly startedAt: number
  /** What is being done. */
  readonly stage: 'opening' | 'layers' | 'ending' | 'done'
  readonly shape: Extract<BuildEvent, { type: 'image-planned' }>['shape']
  readonly destinations: readonly string[]
  readonly isRemote: boolean
  /** How many layers there are. */
  readonly layers: number
  /** Those whose size is known. */
  readonly planned: Count
  /** Those that are everywhere. */
  readonly done: Count
  /** Of those that are done, those that were made or sent. */
  readonly moved: Count
  readonly underWay: readonly LayerUnderWay[]
  /** How many bytes were made or sent, seen in the last seconds. */
  readonly samples: readonly { at: number; bytes: number }[]
}

interface Count {
  readonly layers: number
  readonly bytes: number
}

const NONE: Count = { layers: 0, bytes: 0 }

/** Milliseconds that a rate is of, at most and at least. */
const WINDOW = 5000
const LEAST = 500
/** Between two samples, at least. */
const APART = 100

export function initial(at: number): State {
  const nothing = { planned: NONE, done: NONE, moved: NONE, underWay: [], samples: [] }
  return {
    ...nothing,
    ...{ startedAt: at, stage: 'opening', shape: 'in-order', destinations: [], isRemote: false, layers: 0 },
  }
}

/** @param at when the event came */
export function reduce(state: State, event: BuildEvent, at: number): State {
  switch (event.type) {
    case 'image-planned': {
      const { shape, destinations, isRemote, layers } = event
      return { ...initial(state.startedAt), stage: 'layers', shape, destinations, isRemote, layers }
    }
    case 'layer-planned':
      return { ...state, planned: plus(state.planned, event.size) }
    case 'progress':
      return sampled({ ...state, underWay: event.layers }, at)
    case 'layer-started': {
      const { number, source } = event
      const nothing = { done: 0, total: 0, size: 0 }
      return { ...state, underWay: [{ number, source, step: 'streaming', ...nothing }] }
    }
    case 'layer-streamed':
    case 'layer-written':
      return finished(state, event, event.size, true, at)
    case 'layer-taken':
      return finished(state, event, event.size, true, at)
    case 'layer-delivered': {
      const isMoved = event.outcomes.some((outcome) => outcome === 'uploaded')
      return finished(state, event, event.size ?? event.blob.size, isMoved, at)
    }
    case 'manifests-started':
      return { ...state, stage: 'ending', underWay: [] }
    case 'done':
      return { ...state, stage: 'done', underWay: [] }
    default:
      return state
  }
}

function finished(
  state: State,
  { number, image }: { number: number; image?: number },
  size: number,
  isMoved: boolean,
  at: number,
): State {
  const next = {
    ...state,
    done: plus(state.done, size),
    moved: isMoved ? plus(state.moved, size) : state.moved,
    underWay: state.underWay.filter((it) => it.number !== number || it.image !== image),
  }
  return isMoved ? sampled(next, at) : next
}

function plus({ layers, bytes }: Count, size: number): Count {
  return { layers: layers + 1, bytes: bytes + size }
}

function sampled(state: State, at: number): State {
  const sample = { at, bytes: state.moved.bytes + bytesUnderWay(state) }
  const before = state.samples.filter((it, i) => it.at > at - WINDOW && !isSuperseded(state.samples, i, at))
  return { ...state, samples: [...before, sample] }
}

/** Whether the sample is the last one, and hardly older than a new one. */
function isSuperseded(samples: State['samples'], i: number, at: number): boolean {
  const before = samples[i - 1]
  return i === samples.length - 1 && before !== undefined && at - before.at < APART
}

/** What is through of layers that are not done: what has far to go is half through when it is made. */
function bytesUnderWay({ underWay, isRemote }: State): number {
  const of = ({ step, done, total, size }: LayerUnderWay): number => {
    const fraction = total === 0 ? 1 : Math.min(1, done / total)
    if (!isRemote) return fraction * size
    return (step === 'sending' ? 0.5 + fraction / 2 : fraction / 2) * size
  }
  return underWay.reduce((sum, it) => sum + of(it), 0)
}

/** How much is through, from 0 to 1: by bytes when all sizes are known, before that by layers. */
export function fractionOf(state: State): number {
  const { layers, planned, done, shape } = state
  if (state.stage === 'ending' || state.stage === 'done') return 1
  if (layers === 0) return 0
  // What an engine will ask for is not known; its layers' digests are.
  if (shape === 'served') return Math.min(1, planned.layers / layers)
  if (planned.layers < layers || planned.bytes === 0) return done.layers / layers
  return Math.min(1, (done.bytes + bytesUnderWay(state)) / planned.bytes)
}

/** Bytes a second; undefined when too little was seen. */
export function rateOf({ samples }: State): number | undefined {
  const [first] = samples
  const last = samples.at(-1)
  if (first === undefined || last === undefined || last.at - first.at < LEAST) return undefined
  return Math.max(0, ((last.bytes - first.bytes) * 1000) / (last.at - first.at))
}

/** Seconds; undefined when that cannot be told. */
export function timeLeft(state: State): number | undefined {
  const { layers, planned, done, shape } = state
  const rate = rateOf(state)
  if (shape === 'served' || planned.layers < layers || !rate) return undefined
  return Math.max(0, planned.bytes - done.bytes - bytesUnderWay(state)) / rate
}
