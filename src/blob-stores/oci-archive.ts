/**
 * An image layout in one tar file. It is read in place. It is written as a directory first, then packed in the order of
 * its index, so that the same images give the same bytes; what was there before is replaced as a whole.
 */
import { statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { pack } from 'tar-stream'
import { referencesOf } from '../documents/oci-index.js'
import { attempt, checkAborted, failure, ImageError } from '../errors.js'
import { readExtent } from '../files/extents.js'
import { remove } from '../files/leftovers.js'
import { PartialFile } from '../files/partial-file.js'
import { Scratch } from '../files/scratch.js'
import { writeToStream } from '../files/stream-file.js'
import { expectWritable, lookAtTarget } from '../files/target.js'
import { temporaryDirectory } from '../files/temporary.js'
import type { Descriptor, Document } from '../model/descriptor.js'
import type { Digest } from '../model/digest.js'
import { findMembers } from './archive-members.js'
import { blobPath, LayoutReader } from './layout-reader.js'
import { OciLayout, type OciLayoutOptions } from './oci-layout.js'
import { plainArchive } from './plain-archive.js'

export class OciArchive extends OciLayout {
  /** The archive that is whole, under its temporary name. */
  private packed: PartialFile | undefined

  private constructor(
    name: string,
    private readonly path: string,
    directory: string,
    signal: AbortSignal | undefined,
  ) {
    super(name, directory, { signal, durable: false })
  }

  /** Opens an archive to write it anew. A device or pipe is written to when it is published. @throws ImageError OUTPUT_FAILED */
  static override async open(
    name: string,
    path: string,
    { signal, isDry = false }: OciLayoutOptions = {},
  ): Promise<OciArchive> {
    checkAborted(signal)
    const target = lookAtTarget(path)
    if (isDry) expectWritable(path)
    // In a dry run nothing is made beside it.
    const parent = isDry || target.kind === 'stream' ? tmpdir() : dirname(target.place)
    const directory = attempt('OUTPUT_FAILED', `cannot write ${path}`, () => temporaryDirectory(parent))
    const archive = new OciArchive(name, path, directory, signal)
    await archive.begin()
    return archive
  }

  /**
   * Opens an archive, plain or compressed, to read it; a compressed one is expanded into a temporary file.
   * @throws ImageError FILE_UNREADABLE, IMAGE_INVALID
   */
  static override async read(name: string, path: string, signal?: AbortSignal): Promise<LayoutReader> {
    checkAborted(signal)
    const scratch = new Scratch()
    try {
      const plain = await plainArchive(path, name, scratch.file, signal)
      const members = await findMembers(plain, name, signal)
      if (!members.has('index.json'))
        throw new ImageError('IMAGE_INVALID', `${name}: expected an index.json, found none`)
      const files = { locate: (file: string) => members.get(file), close: async () => scratch.remove() }
      return new LayoutReader(name, files, signal)
    } catch (error) {
      scratch.remove()
      throw failure('FILE_UNREADABLE', `cannot read ${name}`, error)
    }
  }

  override putManifest(manifest: Document, tag: string | undefined): Promise<Document> {
    this.unpack()
    return super.putManifest(manifest, tag)
  }

  /** Packs the archive, under a temporary name; what takes bytes but is no file gets them when it is published. */
  override async finish(): Promise<void> {
    await super.finish()
    await this.writeIndex()
    this.check()
    if (lookAtTarget(this.path).kind === 'stream') return
    this.unpack()
    const file = PartialFile.create(this.path)
    try {
      let size = 0
      for await (const piece of this.archive()) {
        file.write(piece, size)
        size += piece.length
      }
      await file.finish(size)
      this.check()
      this.packed = file
    } catch (error) {
      file.discard()
      throw failure('OUTPUT_FAILED', `cannot write ${this.path}`, error)
    }
  }

  override async publish(): Promise<void> {
    if (this.packed === undefined) await this.finish()
    this.check()
    if (this.packed === undefined) return writeToStream(this.path, this.archive(), this.signal)
    await this.packed.publish()
    this.packed = undefined
  }

  override async close(): Promise<void> {
    this.unpack()
    await super.close()
    remove(this.directory)
  }

  private unpack(): void {
    this.packed?.discard()
    this.packed = undefined
  }

  /** What the index leads to, each blob once. */
  private async blobs(): Promise<Set<Digest>> {
    const found = new Set<Digest>()
    const visit = async ({ digest }: Descriptor): Promise<void> => {
      if (found.has(digest)) return
      const document = await this.manifest(digest)
      if (document === undefined) return
      found.add(digest)
      const { blobs, manifests } = referencesOf(document.bytes)
      // What an image may lack is known to who put it: a layer that clients have to get elsewhere, for one.
      for (const blob of blobs) if (this.locate(blob) !== undefined) found.add(blob.digest)
      for (const manifest of manifests) await visit(manifest)
    }
    for (const image of await this.images()) await visit(image)
    return found
  }

  /** The bytes of the archive, the same for the same images. */
  private async *archive(): AsyncGenerator<Buffer> {
    const archive = pack()
    const fill = async (): Promise<void> => {
      for (const name of ['oci-layout', 'index.json', ...[...(await this.blobs())].map(blobPath)]) {
        const path = join(this.directory, name)
        const { size } = statSync(path)
        const entry = archive.entry({ name, size, mode: 0o644, mtime: new Date(0) })
        await pipeline(readExtent({ path, offset: 0, size }, this.signal), entry)
      }
      archive.finalize()
    }
    fill().catch((error: Error) => archive.destroy(error))
    yield* archive as unknown as Readable
  }
}
