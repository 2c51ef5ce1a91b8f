/** What is attached to an image at a blob store, behind its manifest and before its tags. */
import { type Contents, contentsOf, storePathsOf } from '../attestations/contents.js'
import { makeSbom, SBOM_TYPES, type SbomFormat } from '../attestations/sbom.js'
import { artifactDocument, EMPTY_CONFIG, referrerOf } from '../documents/artifact.js'
import type { Annotations } from '../documents/oci-manifest.js'
import { ImageError } from '../errors.js'
import type { BlobStore } from '../model/blob-store.js'
import type { Descriptor } from '../model/descriptor.js'
import { digestOf } from '../model/digest.js'
import type { Image } from '../model/image.js'
import type { Attachment } from '../results.js'
import { copyArtifact, copyReferrers } from './copy-artifact.js'
import { keptManifest } from './kept-manifest.js'
import type { Attach, KnownImage, WriteContext } from './written.js'

export interface AttachOptions {
  /** Whether what is about the image where it comes from is copied. */
  referrers?: boolean | undefined
  sbom?: SbomFormat | undefined
  provenance?: boolean | undefined
  signer?: string | undefined
}

/** @returns undefined when nothing is asked for @throws ImageError OPTION_INVALID where nothing can be attached */
export function attachWith(options: AttachOptions, context: WriteContext): Attach | undefined {
  const [asked] = Object.entries(options).find(([, value]) => value !== undefined && value !== false) ?? []
  if (asked === undefined) return undefined
  if (!context.destinations.some(({ shape }) => shape === 'by-digest'))
    throw new ImageError(
      'OPTION_INVALID',
      `${asked}: expected a registry or an image layout among the destinations, found none`,
      { hint: 'it is attached at docker://HOST/REPOSITORY, oci:DIR and oci-archive:FILE' },
    )
  const attaching = new Attaching(options, context)
  return (image, subject, to) => attaching.attach(image, subject, to)
}

/** @throws ImageError OPTION_INVALID for an image of which a copy would have another manifest */
export function expectKept(image: Image, context: WriteContext): void {
  if (keptManifest(image, context) === undefined)
    throw changed(
      `an OCI image of a registry or an image layout, which stays as it is, found ${image.stored === undefined ? 'another' : 'one that is changed'}`,
    )
}

function changed(expected: string): ImageError {
  return new ImageError('OPTION_INVALID', `referrers: expected ${expected}`, {
    hint: 'what is about an image names its manifest: copy it without --compress and --annotation',
  })
}

class Attaching {
  /** The same for all destinations. */
  private readonly contents = new Map<KnownImage, Promise<Contents>>()

  constructor(
    private readonly options: AttachOptions,
    private readonly context: WriteContext,
  ) {}

  async attach(
    image: KnownImage | undefined,
    subject: Descriptor,
    { name, store }: { name: string; store: BlobStore },
  ): Promise<Attachment[]> {
    const { referrers, sbom, provenance, signer } = this.options
    const attached: Attachment[] = []
    if (image !== undefined) {
      if (referrers) attached.push(...(await this.copy(image, subject, name, store)))
      if (sbom !== undefined) attached.push(await this.putSbom(sbom, image, subject, store))
      if (provenance) attached.push(await this.putProvenance(image, subject, store))
    }
    if (signer !== undefined) attached.push(...(await this.putSignatures(signer, subject, name, store)))
    return attached
  }

  private async copy(
    { image: { stored } }: KnownImage,
    subject: Descriptor,
    name: string,
    store: BlobStore,
  ): Promise<Attachment[]> {
    const expected = stored?.manifest.descriptor.digest
    if (stored === undefined || expected !== subject.digest)
      throw changed(`${name} to have the manifest as it was, ${expected}, found ${subject.digest}`)
    const { makeFile } = this.context.workshop
    return (await copyReferrers(stored.store, store, subject.digest, makeFile)).map(attachmentOf)
  }

  private contentsOf(known: KnownImage): Promise<Contents> {
    const before = this.contents.get(known)
    if (before !== undefined) return before
    const { emit, signal } = this.context
    const { image, config } = known
    const paths = storePathsOf(config.bytes, image.layers)
    const warn = (message: string): void => emit({ type: 'warning', message })
    const contents = contentsOf({ names: image.names, config, paths }, warn, signal)
    this.contents.set(known, contents)
    return contents
  }

  private async putSbom(
    format: SbomFormat,
    image: KnownImage,
    subject: Descriptor,
    store: BlobStore,
  ): Promise<Attachment> {
    const contents = await this.contentsOf(image)
    const annotations = { 'org.opencontainers.image.created': contents.created }
    return putArtifact(store, SBOM_TYPES[format], await makeSbom(format, contents), subject, annotations)
  }

  private async putProvenance(known: KnownImage, subject: Descriptor, store: BlobStore): Promise<Attachment> {
    const { provenance, PROVENANCE_TYPE, PREDICATE_TYPE } = await import('../attestations/provenance.js')
    const { configuration, names } = known.image
    if (configuration === undefined)
      throw new ImageError(
        'OPTION_INVALID',
        'provenance: expected an image that is built, found one that is not',
      )
    const contents = await this.contentsOf(known)
    const { compression, annotations } = this.context
    const parameters = { configuration, repoTags: names, compression, annotations }
    const bytes = provenance(subject.digest, contents, known.layers, parameters)
    return putArtifact(store, PROVENANCE_TYPE, bytes, subject, {
      'in-toto.io/predicate-type': PREDICATE_TYPE,
      'org.opencontainers.image.created': contents.created,
    })
  }

  private async putSignatures(
    command: string,
    subject: Descriptor,
    name: string,
    store: BlobStore,
  ): Promise<Attachment[]> {
    const { sign } = await import('../attestations/signer.js')
    const { workshop, signal } = this.context
    const signatures = await sign(command, subject, name, signal)
    const attached: Attachment[] = []
    for (const document of signatures.manifests) {
      await copyArtifact(signatures.store, store, document, workshop.makeFile)
      attached.push(attachmentOf(referrerOf(document)!.descriptor))
    }
    return attached
  }
}

/** A manifest of these bytes. The annotations are its own, and those of the blob. */
async function putArtifact(
  store: BlobStore,
  artifactType: string,
  bytes: Buffer,
  subject: Descriptor,
  annotations: Annotations,
): Promise<Attachment> {
  const blob = { mediaType: artifactType, digest: digestOf(bytes), size: bytes.length }
  for (const [descriptor, content] of [
    [EMPTY_CONFIG.descriptor, EMPTY_CONFIG.bytes],
    [blob, bytes],
  ] as const)
    if (!(await store.has(descriptor))) await store.put(descriptor, content)
  const document = artifactDocument(
    artifactType,
    { ...blob, annotations: { ...annotations } },
    subject,
    annotations,
  )
  await store.putManifest(document, undefined)
  return { digest: document.descriptor.digest, artifactType }
}

function attachmentOf({ digest, artifactType }: Descriptor): Attachment {
  return { digest, ...(artifactType ? { artifactType } : {}) }
}
