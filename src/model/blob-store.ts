/**
 * A place that holds blobs by digest, and manifests by digest or tag: a repository of a registry, an OCI image
 * layout, an OCI archive. Every verb waits for no longer than the signal that its store was opened with.
 */
import type { Descriptor, Document } from './descriptor.js'
import type { Digest } from './digest.js'

export interface BlobReader {
  /** As people name it, with its transport; without secrets. */
  readonly name: string
  /** Whether what is read has to be downloaded. */
  readonly isRemote?: boolean
  /**
   * A manifest or an index, as it is stored: its bytes were compared with the digest.
   * @param reference a tag, or a digest; in a layout without tags the only image has none
   * @returns undefined when there is none
   * @throws ImageError IMAGE_INVALID when what is there is not what its digest says, or too large
   */
  manifest(reference: string | undefined): Promise<Document | undefined>
  /**
   * A blob's bytes, in pieces. They are compared with size and digest: a difference is an error before the last piece.
   * @throws ImageError IMAGE_INVALID
   */
  get(blob: Descriptor): AsyncIterable<Uint8Array>
  /**
   * The manifests that say they are about this one: signatures, SBOMs, attestations (OCI image specification 1.1,
   * `subject`). Whether they are there, and say so, is seen when they are read.
   * @returns none for a manifest that is not there
   * @throws ImageError IMAGE_INVALID
   */
  referrers(subject: Digest): Promise<readonly Descriptor[]>
  /** The manifests and indexes that it names, where it names all that it has. @throws ImageError IMAGE_INVALID */
  images?(): Promise<Descriptor[]>
  /** Where on this machine a blob's bytes lie, which are not compared; undefined when there is none of that size. */
  locate?(blob: Pick<Descriptor, 'digest' | 'size'>): Extent | undefined
}

/** Bytes of a file. */
export interface Extent {
  path: string
  /** Where they start, in bytes. */
  offset: number
  size: number
  /** They are all that the file has, whatever it has when it is read: it may be replaced at any time. */
  whole?: true
}

export interface PutOptions {
  hashed?: boolean
  onSent?: (bytes: number) => void
}

export interface BlobStore extends BlobReader {
  /** Tags that images have, or some of them where there are many. */
  tags(): Promise<readonly string[]>
  /** Whether the blob is there, whole. */
  has(blob: Descriptor): Promise<boolean>
  /** Takes the blob from where the store's owner has it already, under another name; false when it cannot. */
  mount(blob: Descriptor): Promise<boolean>
  /** Whether {@link mount} is likely to: nothing is changed. */
  canMount(blob: Descriptor): Promise<boolean>
  /**
   * @param content the path of a file of just the blob, which stays the caller's, or its bytes
   * @param options.hashed the digest was taken from just this content a moment ago: it need not be taken again
   * @param options.onSent told how many bytes have left this machine so far, where they do
   * @throws ImageError IMAGE_INVALID when the content is not what the descriptor says
   */
  put(blob: Descriptor, content: string | Buffer, options?: PutOptions): Promise<void>
  /**
   * Puts a manifest or an index whose blobs and manifests are all there. Any number may be put. One with a subject is
   * among its referrers when it is published.
   * @param tag what it is to be called; undefined: it is there by digest alone. Tags appear with {@link publish}.
   * @returns what it is there: another one that says the same, where that kind is not taken
   */
  putManifest(manifest: Document, tag: string | undefined): Promise<Document>
  /**
   * Does all of publishing that may fail and that nobody sees: of several stores, each is finished before the first is
   * published. {@link publish} does it when it was not done.
   */
  finish(): Promise<void>
  /** Makes the tags that were put visible, and referrers before them. Until then the store is as before, but for blobs. */
  publish(): Promise<void>
  /** Lets go of everything; what was not published does not appear, and nothing is left of it but whole blobs. */
  close(): Promise<void>
}
