/** What happens during a build, for progress displays and logs. */
import type { LayerSource } from './image/layer.js'

/** One thing that happened. Digests are SHA-256 in hex, sizes are in bytes. */
export type BuildEvent =
  /** A layer's checksum pass is done; layers finish in any order. */
  | { type: 'layer-checksummed'; source: LayerSource; digest: string; size: number }
  /** The image has no base; comes once, first. */
  | { type: 'no-base' }
  /** The layer is next to be written. `number` counts from 1. */
  | { type: 'layer-started'; number: number; source: LayerSource }
  /** All bytes of the layer are written. */
  | { type: 'layer-streamed'; number: number; source: LayerSource; digest: string; size: number }
  /** All bytes of the layer are in a file; layers finish in any order. */
  | { type: 'layer-written'; number: number; source: LayerSource; digest: string; size: number }
  /** The layer's blob is at every destination; layers finish in any order. */
  | {
      type: 'layer-delivered'
      number: number
      source: LayerSource
      digest: string
      size: number
      /** For each destination, in order, how it came by the blob. */
      outcomes: readonly ('uploaded' | 'mounted' | 'skipped')[]
    }
  /** The image is built all the same, but some clients will not take it. */
  | { type: 'warning'; message: string }
  | { type: 'manifests-started' }
  /** Bytes of the image handed to the output so far. */
  | { type: 'bytes'; total: number }
  | { type: 'done' }

/** Takes events; what it throws fails the build. */
export type Emit = (event: BuildEvent) => void
