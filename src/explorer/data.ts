/** What an explorer's page is given: plain data, which stays small for thousands of store paths. Sizes are in bytes. */

export interface ExplorerData {
  image: string
  /** `name`, `value`: what is said of the image as a whole. */
  about: readonly (readonly [string, string])[]
  storeDir: string
  /** Names of store paths, each once, without the store's directory. */
  paths: readonly string[]
  layers: readonly LayerData[]
  /** Store paths that are in several layers. */
  repeated: readonly RepeatedData[]
  /** Larger files whose contents are in several layers; of layers that were read. */
  files: readonly FileData[]
  /** Whether all layers were read, so that those are all. */
  isRead: boolean
  others: readonly OtherData[]
  references: ReferencesData
  timeline?: TimelineData
}

export interface LayerData {
  diffId: string
  /** Of its archive. */
  size?: number
  /** Of its blob. */
  blob?: number
  /** What made it, where the history tells. */
  by?: string
  /** Why it was read no further. */
  problem?: string
  things: readonly ThingData[]
  /** Of things that are not listed, because there are so many: how many, and their bytes. */
  more?: readonly [number, number]
}

/**
 * A store path, by its place in {@link ExplorerData.paths}, or another directory by its name, with bytes and members;
 * both are null where the layer was not read.
 */
export type ThingData = readonly [
  path: number | string,
  bytes: number | null,
  members: number | null,
  directories?: readonly DirectoryData[],
]

export type DirectoryData = readonly [
  name: string,
  bytes: number,
  members: number,
  directories?: readonly DirectoryData[],
]

export interface RepeatedData {
  path: number
  /** Their numbers, from 1. */
  layers: readonly number[]
  bytes: number | null
  /** Whether the contents are equal; null where nobody knows. */
  isEqual: boolean | null
}

interface FileData {
  size: number
  /** How often it is there. */
  count: number
  places: readonly (readonly [layer: number, path: string])[]
}

/** Another image that it is compared with. */
export interface OtherData {
  image: string
  /** How many layers it has. */
  of: number
  /** Which layers of this one it has too: their numbers, from 1. */
  shared: readonly number[]
}

/** What store paths refer to. */
export type ReferencesData =
  /** For each path its references as places among the paths; null where it is not known. */
  { of: readonly (readonly number[] | null)[] } | { missing: string }

/** What threads did, from the start in milliseconds. */
export interface TimelineData {
  /** All of it. */
  milliseconds: number
  /** What tasks are called. */
  tasks: readonly string[]
  threads: readonly ThreadData[]
  /** Of works too short to be shown: how many. */
  more: number
}

export interface ThreadData {
  thread: number
  works: readonly (readonly [from: number, to: number, task: number, subject: string])[]
}
