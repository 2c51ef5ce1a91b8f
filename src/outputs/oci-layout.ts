/** An image into a directory by the OCI image layout specification 1.1: index.json, oci-layout, blobs. */

import { randomBytes } from 'node:crypto'
import {
  constants,
  copyFileSync,
  linkSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs'
import { join } from 'node:path'
import * as v from 'valibot'
import { ImageError, systemCode, systemReason } from '../errors.js'
import type { Descriptor, Document } from '../image/descriptor.js'
import { layersOfManifest } from '../image/oci-manifest.js'
import type { BlobDestination } from './blob-destination.js'
import { writeWhole } from './partial-file.js'

const REF_NAME = 'org.opencontainers.image.ref.name'
const INDEX = v.looseObject({
  manifests: v.array(
    v.looseObject({ digest: v.string(), annotations: v.optional(v.record(v.string(), v.string())) }),
  ),
})
type Index = v.InferOutput<typeof INDEX>

export class OciLayout implements BlobDestination {
  private readonly blobs: string

  /**
   * @param directory made when it is not there; an image layout keeps its other images
   * @param tag the image's name in the layout
   * @throws ImageError OUTPUT_FAILED when it cannot be made or holds something else
   */
  constructor(
    readonly name: string,
    private readonly directory: string,
    private readonly tag: string | undefined,
  ) {
    this.blobs = join(directory, 'blobs', 'sha256')
    this.attempt(() => mkdirSync(this.blobs, { recursive: true }))
    this.readIndex()
  }

  async has({ digest, size }: Descriptor): Promise<boolean> {
    return statSync(this.path(digest), { throwIfNoEntry: false })?.size === size
  }

  async mount(): Promise<boolean> {
    return false
  }

  async put({ digest }: Descriptor, file: string): Promise<void> {
    const partial = join(this.blobs, `.partial-${randomBytes(6).toString('hex')}`)
    try {
      this.attempt(() => linkOrCopy(file, partial))
      this.attempt(() => renameSync(partial, this.path(digest)))
    } finally {
      // A rename onto another name of the same file leaves both.
      rmSync(partial, { force: true })
    }
  }

  async previousLayers(): Promise<readonly Descriptor[]> {
    const found = this.readIndex().manifests.find((manifest) => this.isOurs(manifest))
    if (found === undefined) return []
    try {
      return layersOfManifest(readFileSync(this.path(found.digest)))
    } catch {
      return []
    }
  }

  async finish(config: Document, manifest: Document): Promise<void> {
    for (const { descriptor, bytes } of [config, manifest])
      if (!(await this.has(descriptor))) writeWhole(this.path(descriptor.digest), bytes)
    const index = this.readIndex()
    const annotations = this.tag === undefined ? undefined : { [REF_NAME]: this.tag }
    const entry = annotations === undefined ? manifest.descriptor : { ...manifest.descriptor, annotations }
    const manifests = [...index.manifests.filter((other) => !this.isOurs(other)), entry]
    writeWhole(join(this.directory, 'oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }))
    writeWhole(join(this.directory, 'index.json'), JSON.stringify({ ...index, manifests }))
  }

  async close(): Promise<void> {}

  private isOurs(manifest: Index['manifests'][number]): boolean {
    return manifest.annotations?.[REF_NAME] === this.tag
  }

  private path(digest: string): string {
    return join(this.blobs, digest.replace(/^sha256:/, ''))
  }

  private readIndex(): Index {
    const path = join(this.directory, 'index.json')
    let text: string
    try {
      text = readFileSync(path, 'utf8')
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return EMPTY
      throw this.failed(systemReason(error), error)
    }
    try {
      return v.parse(INDEX, JSON.parse(text))
    } catch (error) {
      throw this.failed(`${path}: expected an image index, found other content`, error)
    }
  }

  private attempt(run: () => void): void {
    try {
      run()
    } catch (error) {
      throw this.failed(systemReason(error), error)
    }
  }

  private failed(reason: string, cause: unknown): ImageError {
    return new ImageError('OUTPUT_FAILED', `cannot write the image layout ${this.directory}: ${reason}`, {
      cause,
    })
  }
}

const EMPTY = {
  schemaVersion: 2,
  mediaType: 'application/vnd.oci.image.index.v1+json',
  manifests: [],
} satisfies Index

function linkOrCopy(from: string, to: string): void {
  try {
    linkSync(from, to)
  } catch {
    // Another file system, or one without links.
    copyFileSync(from, to, constants.COPYFILE_FICLONE)
  }
}
