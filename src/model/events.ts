/** What happens during a build, for progress displays and logs. */
import type { Destination } from './destination.js'
import type { Digest } from './digest.js'
import type { LayerSource } from './layer.js'

/** One thing that happened. Digests of layers are diff IDs, sizes are in bytes. */
export type BuildEvent =
  /**
   * An image is about to be brought to these destinations, or the images of an index, which come to `layers` together.
   * Destinations that take it in other ways follow, with an event of their own.
   */
  | {
      type: 'image-planned'
      shape: Destination['shape']
      destinations: readonly string[]
      /** Whether what they lack is sent over a network. */
      isRemote: boolean
      layers: number
    }
  /** The size of a layer's archive is known, of a blob that is copied its own; comes once for each layer. */
  | { type: 'layer-planned'; number: number; image?: number; source: LayerSource; size: number }
  /** All that is under way, at most five times a second. */
  | { type: 'progress'; layers: readonly LayerUnderWay[] }
  /** What was named as the configuration is a script that names this one. */
  | { type: 'configuration-found'; conf: string; where: string }
  /** A layer's checksum pass is done; layers finish in any order. */
  | { type: 'layer-checksummed'; source: LayerSource; digest: Digest; size: number }
  /** The image has no base; comes once, first. */
  | { type: 'no-base' }
  /** The layer is next to be written. `number` counts from 1. */
  | { type: 'layer-started'; number: number; source: LayerSource }
  /** All bytes of the layer are written. */
  | { type: 'layer-streamed'; number: number; source: LayerSource; digest: Digest; size: number }
  /** All bytes of the layer are in a file; layers finish in any order. */
  | { type: 'layer-written'; number: number; source: LayerSource; digest: Digest; size: number }
  /** The layer's blob is at every destination; layers finish in any order. */
  | {
      type: 'layer-delivered'
      number: number
      /** Of several images, which: from 1. */
      image?: number
      source: LayerSource
      digest: Digest
      /** Undefined for a blob that was copied as it is. */
      size: number | undefined
      blob: { digest: Digest; size: number }
      /** For each destination, in order, how it came by the blob. */
      outcomes: readonly ('uploaded' | 'mounted' | 'skipped')[]
    }
  /** An engine has asked for the layer's blob, and was sent it; layers come in any order. */
  | LayerAtEngine<'layer-taken'>
  /** The engine has the layer in place, where it tells so. */
  | LayerAtEngine<'layer-unpacked'>
  /** An engine has the image under its name. Amounts are of layers, and bytes of their blobs. */
  | {
      type: 'image-taken'
      destination: string
      taken: { layers: number; bytes: number }
      present: { layers: number; bytes: number }
    }
  /** The image that was there and has most of the layers: how many of how many. Without `image` there was none. */
  | { type: 'previous-image'; destination: string; image?: string; unchanged?: number; layers: number }
  /** The image is built all the same, but some clients will not take it. */
  | { type: 'warning'; message: string }
  /** A thread, 0 is the main one, has done a task: from when to when, in milliseconds since the epoch. */
  | { type: 'worked'; thread: number; task: string; subject: string; from: number; to: number }
  | { type: 'manifests-started' }
  /** What the cache did for the layers; comes last but for `done`. */
  | { type: 'cache-used'; remembered: number; new: number }
  /** How many of the layers were told by layer files; where there are some. */
  | { type: 'layers-known'; count: number }
  | { type: 'done' }

/** A layer that is being worked on. */
export interface LayerUnderWay {
  number: number
  /** Of several images, which: from 1. */
  image?: number
  source: LayerSource
  /**
   * `making` reads the layer and writes its archive or blob, `streaming` writes it to a pipe, `fetching` reads a blob from
   * where it is, `sending` uploads one, `taking` gives one to an engine that asked for it.
   */
  step: 'making' | 'streaming' | 'fetching' | 'sending' | 'taking'
  /** Where to, for what is sent or taken. */
  destination?: string
  /** Bytes so far, and in the end: of the archive when it is made or streamed, otherwise of the blob. */
  done: number
  total: number
  /** As `layer-planned` has it. */
  size: number
}

/** A layer at an engine: digest and size are its blob's. */
interface LayerAtEngine<Type extends string> {
  type: Type
  destination: string
  number: number
  source: LayerSource
  digest: Digest
  size: number
}

/** Takes events; what it throws fails the build. */
export type Emit = (event: BuildEvent) => void
