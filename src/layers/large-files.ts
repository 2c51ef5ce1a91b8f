/** Digests of a layer's larger files, for finding contents that are there more than once. */
import { createHash, type Hash } from 'node:crypto'
import { type Digest, fromHex } from '../model/digest.js'

export interface LargeFile {
  /** Of the file in the image. */
  path: string
  size: number
  /** Of its contents. */
  digest: Digest
}

/** Bytes: what is smaller is not worth the room. */
const LARGE = 64 << 10
/** In a layer; the first are kept. */
const MAX_FILES = 50_000

export class LargeFiles {
  readonly found: LargeFile[] = []
  private open: { path: string; size: number; hash: Hash } | undefined

  member(path: string, size: number): void {
    const isWanted = size >= LARGE && this.found.length < MAX_FILES
    this.open = isWanted ? { path, size, hash: createHash('sha256') } : undefined
  }

  data(bytes: Buffer): void {
    this.open?.hash.update(bytes)
  }

  end(): void {
    if (this.open === undefined) return
    const { path, size, hash } = this.open
    this.found.push({ path, size, digest: fromHex(hash.digest('hex')) })
    this.open = undefined
  }
}
