/**
 * Plan → archive bytes: the one producer behind both passes. The checksum pass feeds a digest with it, the
 * streaming pass a pipe, and since both read the same plan, what was hashed is what is written.
 */
import type { Owner } from '../model/owner.js'
import { endOfArchiveLength, paddingOf } from '../tar/header.js'
import { type ContentsOptions, copyContents, recheckByName } from './file-contents.js'
import { chunksTo } from './kept.js'
import { headersOf } from './layer-headers.js'
import { type Entry, Kind, type PlanCursor, readPlan } from './plan.js'
import { type PartSink, type Sink, SinkWriter } from './sink.js'

/** A place before a member of an archive. */
export interface ArchiveCursor {
  /** Bytes of the archive before it. */
  offset: number
  plan: PlanCursor
}

/**
 * Writes a store layer's archive, or what a sink wants of it: `/nix/` and `/nix/store/`, then the planned members, then the
 * end blocks. Members that are not wanted are passed over by their sizes; nothing of them is read.
 * @param from where to begin
 * @returns where it ended: at the end, or at the member with the last byte that is wanted
 * @throws ImageError FILE_CHANGED or FILE_UNREADABLE, naming the file
 */
export function writeArchive(
  plan: Uint8Array,
  owner: Owner,
  sink: Sink | PartSink,
  options: ContentsOptions,
  from?: ArchiveCursor,
): ArchiveCursor {
  const { recheck, nar } = options
  const headers = headersOf(owner)
  const out = new SinkWriter(sink, from?.offset)
  if (from === undefined) out.write(headers.storeDirectories)
  let offset = out.total
  const end = readPlan(
    plan,
    (entry, path) => {
      if (out.isOver) return false
      offset = out.total
      if (out.isSkipping && out.skips(headers.length(entry, path) + contentLength(entry))) return
      out.write(headers.encode(entry, path))
      nar?.entry(entry)
      if (entry.kind === Kind.file) copyContents(entry, path, out, options)
      else if (entry.kind === Kind.directory && recheck) recheckByName(entry, path)
      // A member that goes on behind what is wanted is begun again by who wants that.
      return out.isOver ? false : undefined
    },
    from?.plan,
  )
  if (!out.isOver) {
    offset = out.total
    out.zeros(endOfArchiveLength(out.total))
    out.end()
  }
  return { offset, plan: end }
}

export interface ArchiveSize {
  /** Bytes. */
  size: number
  /** How many chunks of memory keep contents of all its small files. */
  chunks: number
}

/** What {@link writeArchive} will write. */
export function measureArchive(plan: Uint8Array, owner: Owner): ArchiveSize {
  const headers = headersOf(owner)
  let size = headers.storeDirectories.length
  const end = readPlan(plan, (entry, path) => {
    size += headers.length(entry, path) + contentLength(entry)
  })
  return { size: size + endOfArchiveLength(size), chunks: chunksTo(end.place) }
}

/** The member in which a byte of the archive lies, or the first. @param from a member before it, where one is known */
export function seekArchive(
  plan: Uint8Array,
  owner: Owner,
  start: number,
  from?: ArchiveCursor,
): ArchiveCursor | undefined {
  const headers = headersOf(owner)
  let offset = from?.offset ?? headers.storeDirectories.length
  if (start < offset) return undefined
  const end = readPlan(
    plan,
    (entry, path) => {
      const next = offset + headers.length(entry, path) + contentLength(entry)
      if (next > start) return false
      offset = next
    },
    from?.plan,
  )
  return { offset, plan: end }
}

/** Bytes of a member behind its header blocks. */
function contentLength({ kind, size }: Readonly<Entry>): number {
  return kind === Kind.file ? size + paddingOf(size) : 0
}
