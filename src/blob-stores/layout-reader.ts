/**
 * Reads an image layout (OCI image specification 1.1, "Image Layout"), wherever its files lie: in a directory, or in an
 * archive. Nothing is made or changed.
 */

import { buffer } from 'node:stream/consumers'
import { referrerOf, referrersTag } from '../documents/artifact.js'
import { MAX_DOCUMENT, parseDocument } from '../documents/json.js'
import { findEntry, tagsOf } from '../documents/layout-index.js'
import { documentType, type Index, type IndexEntry, imagesOf, parseIndex } from '../documents/oci-index.js'
import { referrersIn } from '../documents/referrers-index.js'
import { aborted, checkAborted, failure, ImageError, systemReason } from '../errors.js'
import { readExtent } from '../files/extents.js'
import type { BlobReader, Extent } from '../model/blob-store.js'
import type { Descriptor, Document } from '../model/descriptor.js'
import { type Digest, isDigest, toHex } from '../model/digest.js'
import { compared, differs } from './compared.js'

interface LayoutFiles {
  /** Where a file of the layout lies, by its path in it; undefined when there is none. */
  locate(path: string): Extent | undefined
  close(): Promise<void>
}

export class LayoutReader implements BlobReader {
  private closed = false

  constructor(
    readonly name: string,
    protected readonly files: LayoutFiles,
    protected readonly signal: AbortSignal | undefined,
  ) {}

  async manifest(reference: string | undefined): Promise<Document | undefined> {
    this.check()
    const index = await this.index()
    if (reference !== undefined && isDigest(reference)) {
      const entry = index?.manifests.find(({ digest }) => digest === reference)
      return this.document(reference, entry)
    }
    const entry = index && findEntry(index, reference)
    if (entry === undefined) return undefined
    if (!isDigest(entry.digest))
      throw this.invalid(`index.json: expected a SHA-256 digest, found "${entry.digest}"`)
    const found = await this.document(entry.digest, entry)
    if (found === undefined)
      throw this.invalid(`index.json names ${entry.digest}, which is no manifest or not there`)
    return found
  }

  /** The names that images have. @throws ImageError IMAGE_INVALID */
  async tags(): Promise<string[]> {
    const index = await this.index()
    return index === undefined ? [] : tagsOf(index)
  }

  /** The manifests and indexes that the layout's index names, in order. @throws ImageError IMAGE_INVALID */
  async images(): Promise<Descriptor[]> {
    const index = await this.index()
    return index === undefined ? [] : imagesOf(index)
  }

  /**
   * Of what index.json lists, as most tools do, and of the index that others keep under the tag for registries. Each is
   * read: what an index says of it may be said by anybody.
   */
  async referrers(subject: Digest): Promise<Descriptor[]> {
    const tag = referrersTag(subject)
    const listed = await this.images()
    const kept = (await this.index()) && (await this.manifest(tag))
    const also = kept === undefined ? [] : referrersIn(kept.bytes, `${this.name}: ${tag}`)
    const found = new Map<Digest, Descriptor>()
    for (const { digest } of [...listed, ...also]) {
      const document = found.has(digest) ? undefined : await this.manifest(digest)
      const referrer = document && referrerOf(document)
      if (referrer?.subject === subject) found.set(digest, referrer.descriptor)
    }
    return [...found.values()]
  }

  /** Where a blob's bytes lie, for who reads them on another thread; they are not compared. Undefined when there is no blob of that size. */
  locate({ digest, size }: Pick<Descriptor, 'digest' | 'size'>): Extent | undefined {
    const extent = this.files.locate(blobPath(digest))
    return extent?.size === size ? extent : undefined
  }

  async *get(blob: Descriptor): AsyncGenerator<Uint8Array> {
    this.check()
    const extent = this.find(blobPath(blob.digest))
    if (extent === undefined) throw differs(this.name, blob.digest, 'it to be there', 'nothing')
    if (extent.size !== blob.size)
      throw differs(this.name, blob.digest, `${blob.size} bytes`, `${extent.size}`)
    yield* compared(blob, this.read(extent), this.name)
  }

  async close(): Promise<void> {
    this.closed = true
    await this.files.close()
  }

  /** Nothing is begun, above all nothing made, that nobody waits for. @throws ImageError ABORTED */
  protected check(): void {
    checkAborted(this.signal)
    if (this.closed) throw aborted(new Error(`${this.name} was closed`))
  }

  /** Undefined where there is no layout yet. */
  protected async index(): Promise<Index | undefined> {
    await this.checkVersion()
    const bytes = await this.small('index.json')
    return bytes && parseIndex(bytes, `${this.name}: index.json`)
  }

  private async checkVersion(): Promise<void> {
    const bytes = await this.small('oci-layout')
    if (bytes === undefined) return
    const version = layoutVersion(bytes)
    if (version === undefined || !version.startsWith('1.'))
      throw this.invalid(`oci-layout: expected an imageLayoutVersion 1.x, found ${version ?? 'none'}`)
  }

  private async document(digest: Digest, entry: IndexEntry | undefined): Promise<Document | undefined> {
    const extent = this.find(blobPath(digest))
    if (extent === undefined) return undefined
    if (entry !== undefined && extent.size !== entry.size)
      throw differs(this.name, digest, `${entry.size} bytes`, `${extent.size}`)
    if (extent.size > MAX_DOCUMENT) {
      if (entry === undefined) return undefined
      throw differs(this.name, digest, `a manifest of at most ${MAX_DOCUMENT} bytes`, `${extent.size}`)
    }
    const { size } = extent
    const bytes = await buffer(compared({ digest, size }, this.read(extent), this.name))
    try {
      const mediaType = documentType(bytes, entry?.mediaType ?? undefined)
      return mediaType === undefined ? undefined : { descriptor: { mediaType, digest, size }, bytes }
    } catch (error) {
      throw this.invalid(`${digest}: ${systemReason(error)}`, error)
    }
  }

  /** A file that is not named by its digest. */
  private async small(path: string): Promise<Buffer | undefined> {
    const extent = this.find(path)
    if (extent === undefined) return undefined
    const pieces: Buffer[] = []
    let size = 0
    for await (const piece of this.read(extent)) {
      size += piece.length
      if (size > MAX_DOCUMENT)
        throw this.invalid(`${path}: expected at most ${MAX_DOCUMENT} bytes, found more`)
      pieces.push(piece)
    }
    return Buffer.concat(pieces)
  }

  private find(path: string): Extent | undefined {
    try {
      return this.files.locate(path)
    } catch (error) {
      throw this.unreadable(error)
    }
  }

  protected async *read(extent: Extent): AsyncGenerator<Buffer> {
    try {
      yield* readExtent(extent, this.signal)
    } catch (error) {
      throw this.unreadable(error)
    }
  }

  private unreadable(error: unknown): ImageError {
    return failure('FILE_UNREADABLE', `cannot read ${this.name}`, error)
  }

  private invalid(reason: string, cause?: unknown): ImageError {
    return new ImageError('IMAGE_INVALID', `${this.name}: ${reason}`, { cause })
  }
}

export function blobPath(digest: Digest): string {
  return `blobs/sha256/${toHex(digest)}`
}

function layoutVersion(bytes: Buffer): string | undefined {
  try {
    const layout = parseDocument(bytes)
    if (layout === null || typeof layout !== 'object' || !('imageLayoutVersion' in layout)) return undefined
    return typeof layout.imageLayoutVersion === 'string' ? layout.imageLayoutVersion : undefined
  } catch {
    return undefined
  }
}
