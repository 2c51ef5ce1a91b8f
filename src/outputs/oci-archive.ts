/** An image layout in one tar file: built as a directory beside it, then packed in the manifest's order. */
import { createReadStream, mkdtempSync, rmSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { pack } from 'tar-stream'
import { ImageError, systemReason } from '../errors.js'
import type { Descriptor, Document } from '../image/descriptor.js'
import { layersOfManifest } from '../image/oci-manifest.js'
import type { BlobDestination } from './blob-destination.js'
import { OciLayout } from './oci-layout.js'
import { PartialFile } from './partial-file.js'

export class OciArchive implements BlobDestination {
  private readonly directory: string
  private readonly layout: OciLayout

  /** @throws ImageError OUTPUT_FAILED */
  constructor(
    readonly name: string,
    private readonly path: string,
    tag: string | undefined,
  ) {
    try {
      this.directory = mkdtempSync(join(dirname(path), `.${basename(path)}.partial-`))
    } catch (error) {
      throw new ImageError('OUTPUT_FAILED', `cannot write ${path}: ${systemReason(error)}`, { cause: error })
    }
    this.layout = new OciLayout(name, this.directory, tag)
  }

  has(blob: Descriptor): Promise<boolean> {
    return this.layout.has(blob)
  }

  async mount(): Promise<boolean> {
    return false
  }

  put(blob: Descriptor, file: string): Promise<void> {
    return this.layout.put(blob, file)
  }

  async previousLayers(): Promise<readonly Descriptor[]> {
    return []
  }

  async finish(config: Document, manifest: Document): Promise<void> {
    await this.layout.finish(config, manifest)
    const blobs = [manifest.descriptor, config.descriptor, ...layersOfManifest(manifest.bytes)]
    const names = new Set(blobs.map(({ digest }) => `blobs/${digest.replace(':', '/')}`))
    const file = PartialFile.create(this.path)
    try {
      let size = 0
      await pipeline(
        this.members(['oci-layout', 'index.json', ...names]),
        async (archive: AsyncIterable<Buffer>) => {
          for await (const piece of archive) {
            file.write(piece, size)
            size += piece.length
          }
        },
      )
      file.finish(size)
    } catch (error) {
      file.discard()
      throw error
    }
  }

  async close(): Promise<void> {
    rmSync(this.directory, { recursive: true, force: true })
  }

  /** A tar stream of the layout's files, the same for the same files. */
  private members(names: readonly string[]): Readable {
    const archive = pack()
    const fill = async (): Promise<void> => {
      for (const name of names) {
        const path = join(this.directory, name)
        const entry = archive.entry({ name, size: statSync(path).size, mode: 0o644, mtime: new Date(0) })
        await pipeline(createReadStream(path), entry)
      }
      archive.finalize()
    }
    fill().catch((error: Error) => archive.destroy(error))
    return archive as unknown as Readable
  }
}
