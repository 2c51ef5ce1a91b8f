/** Images in a store of blobs: indexes, manifests, configs and layers against each other, all platforms. */

import { buffer } from 'node:stream/consumers'
import { MAX_DOCUMENT, parseDocument } from '../documents/json.js'
import { manifestsOf, type Platform } from '../documents/oci-index.js'
import { INDEX_TYPE, kindOf, MANIFEST_TYPE, type Manifest, parseManifest } from '../documents/oci-manifest.js'
import { ImageError } from '../errors.js'
import type { BlobReader } from '../model/blob-store.js'
import type { Descriptor, Document } from '../model/descriptor.js'
import { MAX_LAYERS } from '../model/image.js'
import type { Workshop } from '../pool/workshop.js'
import { Blobs } from './blobs.js'
import { checkConfig } from './config.js'
import type { Findings } from './findings.js'
import type { LayerAudits } from './layers.js'

/** Indexes of indexes are rare, deeper ones unknown. */
const MAX_DEPTH = 4
const MAX_MANIFESTS = 10_000

const INDEX_TYPES = [INDEX_TYPE, 'application/vnd.docker.distribution.manifest.list.v2+json']
const MANIFEST_TYPES = [MANIFEST_TYPE, 'application/vnd.docker.distribution.manifest.v2+json']
/** Of what is an image; other configs are those of artifacts. */
const CONFIG_TYPES = [
  'application/vnd.oci.image.config.v1+json',
  'application/vnd.docker.container.image.v1+json',
]

type Entry = Descriptor & { platform?: Partial<Platform> | null | undefined }

export class StoredImages {
  private readonly seen = new Set<string>()
  private readonly blobs: Blobs

  constructor(
    private readonly store: BlobReader,
    private readonly findings: Findings,
    workshop: Workshop,
    audits: LayerAudits,
  ) {
    this.blobs = new Blobs(store, workshop, findings, audits)
  }

  /** @param reference undefined: all images, where the store names them. @throws ImageError where there is none */
  async check(reference: string | undefined): Promise<void> {
    const { store, findings } = this
    if (reference === undefined && store.images !== undefined) {
      const images = await findings.attempt('index.json', () => store.images!())
      if (images === undefined) return
      if (images.length === 0)
        throw new ImageError('IMAGE_INVALID', `${store.name}: expected an image, found none`)
      for (const image of images) await this.visit(image, 0)
      return
    }
    const found = await findings.attempt('', () => store.manifest(reference))
    if (found !== undefined) await this.document(found, undefined, 0)
    else if (findings.problems.length === 0)
      throw new ImageError('IMAGE_INVALID', `${store.name}: expected an image, found none of that name`)
  }

  private async visit(entry: Entry, depth: number): Promise<void> {
    const { digest, size, mediaType } = entry
    const where = `manifest ${digest}`
    const found = await this.findings.attempt(where, () => this.store.manifest(digest))
    if (found === undefined) {
      if (!this.findings.problems.some((problem) => problem.where === where))
        this.findings.add(where, 'expected it to be there, as its index says, found none, or no manifest')
      return
    }
    if (found.bytes.length !== size)
      this.findings.add(where, `expected ${size} bytes, found ${found.bytes.length}`)
    const type = found.descriptor.mediaType
    if (mediaType !== '' && type !== mediaType)
      this.findings.add(where, `expected the media type ${mediaType}, found ${type}`)
    await this.document(found, entry.platform, depth)
  }

  private async document(document: Document, platform: Entry['platform'], depth: number): Promise<void> {
    const { digest, mediaType } = document.descriptor
    if (this.seen.has(digest)) return
    this.seen.add(digest)
    const isIndex = INDEX_TYPES.includes(mediaType)
    const where = `${isIndex ? 'index' : 'manifest'} ${digest}`
    if (this.seen.size > MAX_MANIFESTS || depth > MAX_DEPTH) {
      this.findings.add(
        where,
        `expected at most ${MAX_MANIFESTS} manifests, ${MAX_DEPTH} levels deep, found more`,
      )
      return
    }
    for (const problem of envelopeProblems(document, isIndex)) this.findings.add(where, problem)
    if (!isIndex) return this.manifest(document, where, platform)
    const manifests = manifestsOf(document)
    if (manifests === undefined)
      this.findings.add(where, 'expected descriptors of manifests, found something else')
    for (const entry of manifests ?? []) await this.visit({ ...entry, annotations: {} }, depth + 1)
  }

  private async manifest(document: Document, where: string, platform: Entry['platform']): Promise<void> {
    const manifest = await this.findings.attempt(where, () => parseManifest(document, where))
    if (manifest === undefined) return
    if (manifest.layers.length > MAX_LAYERS) {
      this.findings.add(where, `expected at most ${MAX_LAYERS} layers, found ${manifest.layers.length}`)
      return
    }
    this.findings.checked.images++
    const isImage = CONFIG_TYPES.includes(manifest.config.mediaType)
    const diffIds = await this.config(manifest, where, isImage, platform)
    // BuildKit's attestations have the form of images, for no platform.
    const isOfAPlatform =
      isImage && !(platform?.os === 'unknown' && manifest.layers.every((it) => kindOf(it) === undefined))
    await this.findings.inOrder(() =>
      manifest.layers.map((layer, i) => {
        const name = `layer ${i + 1} (${layer.digest})`
        return this.blobs.check(layer, name, isOfAPlatform ? 'layer' : 'bytes', i === 0, diffIds?.[i])
      }),
    )
  }

  /** @returns the diff IDs of an image */
  private async config(
    { config, layers }: Manifest,
    manifest: string,
    isImage: boolean,
    platform: Entry['platform'],
  ): Promise<readonly string[] | undefined> {
    const where = `config ${config.digest}`
    if (config.size > MAX_DOCUMENT) {
      this.findings.add(where, `expected at most ${MAX_DOCUMENT} bytes, found ${config.size}`)
      return undefined
    }
    const bytes = await this.findings.attempt(where, () => buffer(this.store.get(config)))
    if (bytes === undefined || !isImage) return undefined
    this.findings.checked.bytes += bytes.length
    const { problems, diffIds, platform: own } = checkConfig(bytes, layers.length)
    for (const problem of problems) this.findings.add(where, problem)
    if (platform == null || own === undefined || platform.os === 'unknown') return diffIds
    for (const key of ['os', 'architecture', 'variant'] as const)
      if (platform[key] !== undefined && own[key] !== undefined && platform[key] !== own[key])
        this.findings.add(
          manifest,
          `expected the ${key} ${own[key]}, as its config says, found ${platform[key]} in its index`,
        )
    return diffIds
  }
}

/** What all manifests and indexes say of themselves. */
function* envelopeProblems({ bytes, descriptor }: Document, isIndex: boolean): Generator<string> {
  const document = parseDocument(bytes) as Record<string, unknown>
  if (document.schemaVersion !== 2)
    yield `expected schemaVersion 2, found ${JSON.stringify(document.schemaVersion)?.slice(0, 20)}`
  if (!isIndex && !MANIFEST_TYPES.includes(descriptor.mediaType))
    yield `expected the media type of a manifest or an index, found ${JSON.stringify(descriptor.mediaType.slice(0, 200))}`
  const own = document.mediaType
  if (own !== undefined && own !== descriptor.mediaType)
    yield `expected the media type ${descriptor.mediaType}, found ${JSON.stringify(own)?.slice(0, 200)}`
}
