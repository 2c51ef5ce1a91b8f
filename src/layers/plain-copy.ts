/** A compressed archive's plain bytes, kept in a file while it is read for the first time, so that it is decompressed once. */
import { closeSync, fstatSync, ftruncateSync, openSync, statfsSync } from 'node:fs'
import { isZero, writeAll } from '../files/sparse.js'
import type { Compression } from '../model/compression.js'
import type { FileRange } from '../model/recipe.js'
import { fingerprintOf } from './fingerprint.js'

/** Whether to decompress it takes longer than to write what it holds (2.6 GB of a base: gzip 3.8 s, zstd 1.5 s, writing 1.2 to 2.2 s). */
export function isWorthCopying(compression: Compression): boolean {
  return compression !== 'none' && compression !== 'zstd'
}

/** It is there to save time alone: where there is no room for it, there is none, and nothing fails. */
export class PlainCopy {
  private readonly fd: number
  /** In bytes that it may still take: half of what is free, since layers may need room beside it. */
  private room: number
  private size = 0

  /** @param path of an empty file @throws the system's error */
  constructor(private readonly path: string) {
    const { bavail, bsize, blocks } = statfsSync(path)
    this.room = blocks === 0 ? Number.POSITIVE_INFINITY : (bavail * bsize) / 2
    this.fd = openSync(path, 'r+')
  }

  /** Passes pieces on; what is written of them is nobody's concern. */
  async *keep(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const piece of pieces) {
      this.add(piece)
      yield piece
    }
  }

  /** @returns the copy, for who reads ranges of it; undefined where there was no room */
  finish(): Omit<FileRange, 'range'> | undefined {
    if (this.room < 0) return undefined
    try {
      ftruncateSync(this.fd, this.size)
    } catch {
      return undefined
    }
    return {
      kind: 'range',
      path: this.path,
      compression: 'none',
      fingerprint: fingerprintOf(fstatSync(this.fd)),
    }
  }

  close(): void {
    closeSync(this.fd)
  }

  private add(piece: Uint8Array): void {
    // Zeros take no room.
    if (this.room >= 0 && !isZero(piece)) {
      this.room -= piece.length
      if (this.room < 0 || !this.write(piece)) this.giveUp()
    }
    this.size += piece.length
  }

  private write(piece: Uint8Array): boolean {
    try {
      writeAll(this.fd, piece, this.size)
      return true
    } catch {
      return false
    }
  }

  private giveUp(): void {
    this.room = -1
    try {
      ftruncateSync(this.fd, 0)
    } catch {
      // What is there goes with the run's other temporary files.
    }
  }
}

/** @param path of an empty file @returns undefined where there can be none */
export function startCopy(path: string): PlainCopy | undefined {
  try {
    return new PlainCopy(path)
  } catch {
    return undefined
  }
}
