/**
 * A directory by the OCI image layout specification 1.1 (index.json, oci-layout, blobs) as a blob store. Blobs appear
 * when they are whole; images appear with index.json, which several processes may change at once.
 */
import { renameSync, rmdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { MAX_DOCUMENT } from '../documents/json.js'
import { type PutManifest, withManifests } from '../documents/layout-index.js'
import { EMPTY_INDEX } from '../documents/oci-index.js'
import { checkAborted, failure, ImageError } from '../errors.js'
import { bring } from '../files/bring.js'
import { expectMakeable, makeDirectories } from '../files/directories.js'
import { fileExtent, readExtent } from '../files/extents.js'
import { remove } from '../files/leftovers.js'
import { FileLock } from '../files/lock.js'
import { writeWhole } from '../files/partial-file.js'
import { syncDirectory, syncFile } from '../files/sync.js'
import { removeOfTheDead, temporaryDirectory } from '../files/temporary.js'
import type { BlobStore, PutOptions } from '../model/blob-store.js'
import type { Descriptor, Document } from '../model/descriptor.js'
import { digestOf } from '../model/digest.js'
import { compare, differs } from './compared.js'
import { blobPath, LayoutReader } from './layout-reader.js'
import { VerifiedBlobs } from './verified-blobs.js'

export interface OciLayoutOptions {
  signal?: AbortSignal | undefined
  /** Whether what was published survives a power cut. Default: true. */
  durable?: boolean
  /** Whether it is only looked at: no directory is made. */
  isDry?: boolean | undefined
}

export class OciLayout extends LayoutReader implements BlobStore {
  private readonly verified: VerifiedBlobs
  private readonly durable: boolean
  /** What was put since the last publication, by digest and tag. */
  private readonly pending = new Map<string, PutManifest>()
  /** Directories that were made for it, the topmost first; they go when nothing is in them. */
  private made: string[] = []
  private temporary: string | undefined
  private count = 0

  protected constructor(
    name: string,
    protected readonly directory: string,
    options: OciLayoutOptions,
  ) {
    super(
      name,
      { locate: (path) => fileExtent(join(directory, path)), close: async () => {} },
      options.signal,
    )
    this.verified = new VerifiedBlobs(directory, options.signal)
    this.durable = options.durable ?? true
  }

  /**
   * Opens a layout to write to it. A directory that is not there is made; a layout keeps its other images.
   * @throws ImageError OUTPUT_FAILED when it cannot be made, IMAGE_INVALID when it holds something else
   */
  static async open(name: string, directory: string, options: OciLayoutOptions = {}): Promise<OciLayout> {
    checkAborted(options.signal)
    const layout = new OciLayout(name, directory, options)
    await layout.begin(options.isDry)
    return layout
  }

  /** Makes what has to be there, and looks at what is. @throws ImageError when it then is closed */
  protected async begin(isDry = false): Promise<void> {
    const { directory } = this
    try {
      const blobs = join(directory, 'blobs', 'sha256')
      if (isDry) expectMakeable(blobs)
      else {
        this.made = makeDirectories(blobs)
        removeOfTheDead(directory)
      }
      await this.index()
    } catch (error) {
      await this.close()
      throw this.failed(error)
    }
  }

  /** Opens a layout to read it; nothing is made or changed. @throws ImageError FILE_UNREADABLE, IMAGE_INVALID */
  static async read(name: string, directory: string, signal?: AbortSignal): Promise<LayoutReader> {
    checkAborted(signal)
    const layout = new OciLayout(name, directory, { signal })
    if ((await layout.index()) !== undefined) return new LayoutReader(name, layout.files, signal)
    throw new ImageError(
      'FILE_UNREADABLE',
      `cannot read ${name}: expected an index.json in ${directory}, found none`,
    )
  }

  async has(blob: Descriptor): Promise<boolean> {
    this.check()
    try {
      const extent = this.locate(blob)
      return extent !== undefined && (await this.verified.isWhole(blob.digest, extent.path))
    } catch (error) {
      throw this.failed(error)
    }
  }

  async mount(): Promise<boolean> {
    this.check()
    return false
  }

  async canMount(): Promise<boolean> {
    return false
  }

  async put(blob: Descriptor, content: string | Buffer, { hashed = false }: PutOptions = {}): Promise<void> {
    try {
      const path = this.temporaryPath()
      try {
        await this.fill(path, blob, content)
        if (!hashed)
          await compare(blob, readExtent({ path, offset: 0, size: blob.size }, this.signal), this.name)
        if (this.durable) await syncFile(path)
        this.check()
        renameSync(path, join(this.directory, blobPath(blob.digest)))
      } finally {
        // A rename onto another name of the same file leaves both.
        rmSync(path, { force: true })
      }
    } catch (error) {
      throw this.failed(error)
    }
  }

  async putManifest(manifest: Document, tag: string | undefined): Promise<Document> {
    const { descriptor, bytes } = manifest
    this.check()
    if (bytes.length > MAX_DOCUMENT)
      throw differs(
        this.name,
        descriptor.digest,
        `a manifest of at most ${MAX_DOCUMENT} bytes`,
        `${bytes.length}`,
      )
    if (digestOf(bytes) !== descriptor.digest)
      throw differs(this.name, descriptor.digest, 'its digest', digestOf(bytes))
    if (!(await this.has(descriptor))) await this.put(descriptor, bytes)
    this.pending.set(tag === undefined ? descriptor.digest : `:${tag}`, { document: manifest, tag })
    return manifest
  }

  /** Does what may fail and shows nothing yet. */
  async finish(): Promise<void> {
    this.check()
    try {
      if (this.durable) for (const directory of this.changed()) await syncDirectory(directory)
    } catch (error) {
      throw this.failed(error)
    }
  }

  async publish(): Promise<void> {
    await this.finish()
    await this.writeIndex()
  }

  /** Names what was put in index.json. */
  protected async writeIndex(): Promise<void> {
    const path = join(this.directory, 'index.json')
    const marker = join(this.directory, 'oci-layout')
    await this.verified.save()
    if (fileExtent(marker) === undefined) await this.write(marker, { imageLayoutVersion: '1.0.0' })
    const lock = this.durable
      ? await FileLock.acquire(join(this.directory, '.index.json.lock'), this.signal)
      : undefined
    try {
      const index = withManifests((await this.index()) ?? EMPTY_INDEX, this.pending)
      lock?.check()
      await this.write(path, index)
    } finally {
      lock?.release()
    }
    this.pending.clear()
    this.made = []
  }

  override async close(): Promise<void> {
    await super.close()
    if (this.temporary !== undefined) remove(this.temporary)
    this.temporary = undefined
    for (const directory of this.made.reverse()) removeIfEmpty(directory)
    this.made = []
  }

  private async fill(path: string, blob: Descriptor, content: string | Buffer): Promise<void> {
    const size = typeof content === 'string' ? sizeOf(content) : content.length
    if (size !== blob.size) throw differs(this.name, blob.digest, `${blob.size} bytes`, `${size}`)
    if (typeof content === 'string') await bring(content, path, this.signal)
    else writeFileSync(path, content, { flag: 'wx' })
  }

  /** Beside the blobs, not among them, where other tools would take it for one. */
  private temporaryPath(): string {
    this.check()
    this.temporary ??= temporaryDirectory(this.directory)
    return join(this.temporary, String(++this.count))
  }

  /** Where names were made: the blobs' directory, and those above directories that were made. */
  private changed(): Set<string> {
    return new Set([
      join(this.directory, 'blobs', 'sha256'),
      ...this.made.map((directory) => dirname(directory)),
    ])
  }

  private async write(path: string, content: object): Promise<void> {
    const text = JSON.stringify(content)
    if (this.durable) await writeWhole(path, text, this.signal)
    else writeFileSync(path, text)
  }

  private failed(error: unknown): ImageError {
    return failure('OUTPUT_FAILED', `cannot write the image layout ${this.directory}`, error)
  }
}

/** Bytes of a regular file. @throws the system's error */
function sizeOf(path: string): number {
  const stats = statSync(path)
  if (stats.isFile()) return stats.size
  throw Object.assign(new Error(`expected a file, found something else: ${path}`), { code: 'EINVAL' })
}

function removeIfEmpty(directory: string): void {
  try {
    rmdirSync(directory)
  } catch {
    // Somebody has put something there.
  }
}
