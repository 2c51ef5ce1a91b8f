/**
 * A part of an archive, from any byte on: for those who take a layer piece by piece, or go on where they were cut off.
 * Members before it are passed over by their sizes; nothing of them is read.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import type { FileRange, Recipe } from '../model/recipe.js'
import { fsPath } from '../python/fs-encoding.js'
import { type ArchiveCursor, seekArchive, writeArchive } from './archive.js'
import { attemptRead, OPEN_FLAGS } from './file-contents.js'
import { changed, expectSame } from './fingerprint.js'
import type { PartSink } from './sink.js'

export interface SliceTask {
  /** Store paths, or a part of a plain file. */
  recipe: Recipe
  /** Where in the archive the slice starts, in bytes. */
  start: number
  /** Shared memory for its bytes: as many as fit are written, the archive has no fewer. */
  into: Uint8Array
  /** Where an earlier slice ended, for which less has to be passed over. */
  cursor?: ArchiveCursor | undefined
}

/** @returns where it ended @throws ImageError FILE_CHANGED, FILE_UNREADABLE, naming the file */
export function writeSlice({ recipe, start, into, cursor }: SliceTask): ArchiveCursor | undefined {
  const buffer = Buffer.from(into.buffer, into.byteOffset, into.length)
  if (recipe.kind === 'range') {
    copyRange(recipe, start, buffer)
    return undefined
  }
  const { plan, owner } = recipe
  const from = seekArchive(plan, owner, start, cursor)
  return writeArchive(plan, owner, new Slice(start, buffer), { recheck: true }, from)
}

/** Wants one buffer full of an archive. */
class Slice implements PartSink {
  constructor(
    public start: number,
    private readonly buffer: Buffer,
  ) {}

  lend(): Buffer {
    return this.buffer
  }

  accept(): void {
    this.start = Number.POSITIVE_INFINITY
  }
}

function copyRange({ path, fingerprint, range }: FileRange, start: number, into: Buffer): void {
  const fd = attemptRead(path, () => openSync(fsPath(path), OPEN_FLAGS))
  try {
    const count = Math.min(into.length, range.size - start)
    for (let done = 0; done < count; ) {
      const position = range.offset + start + done
      const read = attemptRead(path, () => readSync(fd, into, done, count - done, position))
      if (read === 0) throw changed(path, `${range.size} bytes at offset ${range.offset}`, `${start + done}`)
      done += read
    }
    expectSame(path, fingerprint, fstatSync(fd))
  } finally {
    closeSync(fd)
  }
}
