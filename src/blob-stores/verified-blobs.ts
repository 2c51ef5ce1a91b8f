/**
 * Which blobs of a layout were found to be what their digests say, so that each is hashed once: a file in the layout
 * names them with inode, size, mtime and ctime. It is there only when something had to be hashed, so that a layout
 * which was just written has nothing of its machine in it.
 */
import { statSync } from 'node:fs'
import { join } from 'node:path'
import * as v from 'valibot'
import { MAX_DOCUMENT, parseDocument } from '../documents/json.js'
import { ImageError } from '../errors.js'
import { readExtent } from '../files/extents.js'
import { readStart } from '../files/open-regular.js'
import { writeWhole } from '../files/partial-file.js'
import type { Digest } from '../model/digest.js'
import { compare } from './compared.js'

/** Other tools look at index.json, oci-layout and blobs only. */
export const VERIFIED = '.stream-layered-image-verified.json'

const STATE = v.object({ blobs: v.record(v.string(), v.string()) })

/** Milliseconds within which a file system may give two changes the same time; FAT has the coarsest clock. */
const CLOCK = 2000

export class VerifiedBlobs {
  private readonly path: string
  /** States by digest, as they were recorded. */
  private recorded: Record<string, string> | undefined
  private readonly added: Record<string, string> = {}
  /** Those of this run, by path and state. */
  private readonly asked = new Map<string, Promise<boolean>>()

  constructor(
    directory: string,
    private readonly signal: AbortSignal | undefined,
  ) {
    this.path = join(directory, VERIFIED)
  }

  /** Whether a file that is there has that digest. @throws ImageError ABORTED, or the system's error */
  isWhole(digest: Digest, path: string): Promise<boolean> {
    const before = stateOf(path)
    this.recorded ??= readRecorded(this.path)
    if (this.recorded[digest] === before.state) return Promise.resolve(true)
    const key = `${path} ${before.state}`
    const asked = this.asked.get(key) ?? this.hash(digest, path, before)
    this.asked.set(key, asked)
    return asked
  }

  /** Records what was found. @throws ImageError OUTPUT_FAILED */
  async save(): Promise<void> {
    if (Object.keys(this.added).length === 0) return
    const blobs = { ...readRecorded(this.path), ...this.added }
    await writeWhole(this.path, JSON.stringify({ blobs }), this.signal)
  }

  private async hash(digest: Digest, path: string, before: FileState): Promise<boolean> {
    const began = Date.now()
    try {
      const extent = { path, offset: 0, size: before.size }
      await compare({ digest, size: before.size }, readExtent(extent, this.signal), path)
    } catch (error) {
      if (error instanceof ImageError && error.code === 'IMAGE_INVALID') return false
      throw error
    }
    if (began - before.ctimeMs > CLOCK) this.added[digest] = before.state
    return true
  }
}

interface FileState {
  state: string
  size: number
  ctimeMs: number
}

function stateOf(path: string): FileState {
  const { ino, size, mtimeNs, ctimeNs } = statSync(path, { bigint: true })
  const state = [ino, size, mtimeNs, ctimeNs].join(' ')
  return { state, size: Number(size), ctimeMs: Number(ctimeNs / 1_000_000n) }
}

/** What cannot be read is as if nothing had been recorded. */
function readRecorded(path: string): Record<string, string> {
  try {
    return v.parse(STATE, parseDocument(readStart(path, MAX_DOCUMENT))).blobs
  } catch {
    return {}
  }
}
