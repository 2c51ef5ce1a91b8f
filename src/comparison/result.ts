/** How two images differ, each difference once. Sizes are in bytes, layers are numbered from 1, digests of layers are diff IDs. */
import type { Digest } from '../model/digest.js'

export interface ImageDiff {
  /** Whether the image IDs are the same, and the names where both have names of their own. */
  equal: boolean
  from: DiffSide
  to: DiffSide
  /** Names that only one of them has. */
  names: { removed: string[]; added: string[] }
  /** Of the image config: `config.Env.PATH`, `created`, `history[3].comment`. */
  config: ValueChange[]
  /** Those that are not in the same order on both sides, or on one side only. */
  layers: LayerChange[]
  /** What many members differ in in the same way. */
  everywhere: SharedChange[]
  /** How many differences are not listed, because there are too many. */
  unlisted: number
  /** What who has the first image has to take for the second one. */
  costs: Costs
}

export interface DiffSide {
  name: string
  imageId: Digest
}

/** A value of the image config; what is undefined is not there. */
export interface ValueChange {
  /** `config.Env.PATH`; empty for the document itself. */
  key: string
  /** `order`: only the order of keys or entries; `bytes`: equal values that are written otherwise. Default: the value. */
  what?: 'order' | 'bytes'
  from?: unknown
  to?: unknown
}

export interface LayerAt {
  number: number
  diffId: Digest
}

export interface LayerChange {
  change: 'moved' | 'changed' | 'new' | 'removed'
  from?: LayerAt
  to?: LayerAt
  /** What of it differs, in the order of paths. Empty for one that moved. */
  paths: PathChange[]
  /** Its store paths and directories stand in another order. */
  isReordered?: true
  /** Equal members that are written otherwise: where the archives' first differing byte lies. */
  differsAt?: ByteAt
  /** Why it is not known what of it differs: `from: at byte 512: expected …`. */
  unreadable?: string
}

interface ByteAt {
  offset: number
  /** `header field magic of etc/passwd`, `behind the last member` */
  where: string
}

/**
 * A store path, or what is elsewhere below one directory of the root.
 * `replaced`: one store path took the place of another of the same name. `moved`: it is the same in another layer.
 */
export interface PathChange {
  change: 'added' | 'removed' | 'changed' | 'replaced' | 'moved'
  from?: string
  to?: string
  /** Where the other one is, when it is in another layer than that of the list. */
  fromLayer?: number
  /** How many members, and bytes of contents: of what was added or removed. */
  members?: number
  bytes?: number
  /** Those that differ, but for what {@link mentions} explains. */
  differing: MemberChange[]
  /** Replaced store paths that it names, whose new names are why members differ: the new names. */
  mentions?: string[]
  /** Where it differs in nothing but names of others: the paths that this began with. */
  causes?: string[]
  /** Its members stand in another order. */
  isReordered?: true
  /** It, or what differs in all, has too many members for them to be compared one by one. */
  isTooLarge?: true
}

export interface MemberChange {
  change: 'added' | 'removed' | 'changed'
  /** As the archive has it, of the second image where it is in both. */
  name: string
  fields: FieldChange[]
}

/**
 * A field of a member. `contents` has digests, and `offset` where the first differing byte is known; `encoding`: the same
 * fields in a header of other bytes.
 */
export interface FieldChange {
  field: Field
  from: string | number | undefined
  to: string | number | undefined
  offset?: number
}

export type Field =
  | 'name'
  | 'type'
  | 'mode'
  | 'uid'
  | 'gid'
  | 'uname'
  | 'gname'
  | 'size'
  | 'mtime'
  | 'link target'
  | 'devmajor'
  | 'devminor'
  | 'contents'
  | 'encoding'
  | `pax ${string}`

/** The same change of a field, of more members than are listed one by one. */
export interface SharedChange {
  field: Field
  from: string | number | undefined
  to: string | number | undefined
  members: number
  /** The first of them. */
  first: string
  /** What all of it comes from, where that is known: `created`. */
  cause?: string
}

export interface Costs {
  /** Blobs that a registry lacks which has the first image. */
  registry: Amount
  /** Docker, podman and all who chain layers: those from the first that differs on. */
  engine: Amount
}

export interface Amount {
  layers: number
  /** Of their blobs where those are known, otherwise of their archives. */
  bytes: number
}
