/** One repository of a registry, by the OCI distribution specification 1.1. */
import * as v from 'valibot'
import { referrerOf } from '../documents/artifact.js'
import { asDockers } from '../documents/docker-manifest.js'
import { isTooDeep, MAX_DEPTH, MAX_DOCUMENT } from '../documents/json.js'
import { MANIFEST_TYPE, MANIFEST_TYPES } from '../documents/oci-manifest.js'
import { aborted, ImageError } from '../errors.js'
import type { BlobStore, PutOptions } from '../model/blob-store.js'
import type { Descriptor, Document } from '../model/descriptor.js'
import { type Digest, digestOf, isDigest } from '../model/digest.js'
import { brief } from '../registry/address.js'
import type { Answer } from '../registry/answer.js'
import { download } from '../registry/download.js'
import type { Patience } from '../registry/patience.js'
import { checkMountFrom, isTag, type RegistryReference } from '../registry/reference.js'
import { retrying } from '../registry/retry.js'
import { bytesBody } from '../registry/sending.js'
import { type Access, expectStatus, type RegistryOptions, Session } from '../registry/session.js'
import { expectDigest, Uploads } from '../registry/upload.js'
import { type AskOptions, Referrers } from './referrers.js'

/** As many as a registry gives in one answer, and how large that may be. */
const MANY_TAGS = 1000
const LARGEST_LIST = 1 << 20

/** With what registries refuse a manifest of a kind that they do not know. */
const REFUSALS = [400, 405, 415, 422]

const TAKEN = [200, 201, 202]

/** @throws ImageError REGISTRY_FAILED */
function expectTaken(answer: Answer, { descriptor: { digest } }: Document, reference: string = digest): void {
  expectStatus(answer, TAKEN, `put the manifest ${reference}`)
  expectDigest(answer, digest, 'manifest')
}

const TAGS = v.object({ tags: v.nullish(v.array(v.string())) })

/** The body of an answer to `tags/list`; none where it is something else. */
function tagsIn(body: Buffer | undefined): string[] {
  try {
    return (v.parse(TAGS, JSON.parse(body?.toString() ?? '')).tags ?? []).filter(isTag)
  } catch {
    return []
  }
}

export class RegistryStore implements BlobStore {
  readonly isRemote = true
  private readonly access: Access
  private readonly uploads: Uploads
  /** Whether it is known to take manifests of OCI. */
  private takesKind = false
  private readonly tagged: { manifest: Document; tag: string }[] = []
  private readonly referring: Referrers

  /**
   * @param name as people name it, without secrets
   * @param signal ends every wait within a second
   * @param patience shorter waits, for tests
   * @param session of another repository of the same registry, which stays its
   * @throws ImageError DESTINATION_INVALID, REGISTRY_FAILED when the options cannot be followed
   */
  constructor(
    readonly name: string,
    private readonly reference: RegistryReference,
    private readonly options: RegistryOptions,
    private readonly signal: AbortSignal,
    patience: Partial<Patience> = {},
    private readonly shared?: Session,
  ) {
    const { host, repository } = reference
    checkMountFrom(options.mountFrom, host)
    this.session = shared ?? new Session(host, options, signal, patience)
    this.access = { repository, scopes: [`repository:${repository}:pull,push`] }
    this.uploads = new Uploads(this.session, this.access)
    this.referring = new Referrers(name, (...request) => this.ask(...request), this.session.retry)
  }

  private readonly session: Session

  /** Another repository of the same registry, with the same connections and credentials; it ends with this one. */
  other(repository: string): RegistryStore {
    const { host } = this.reference
    const reference = { host, repository, tag: undefined, digest: undefined }
    return new RegistryStore(
      `docker://${host}/${repository}`,
      reference,
      this.options,
      this.signal,
      {},
      this.session,
    )
  }

  /** @param reference a tag or a digest; default: what the store was opened with */
  async manifest(reference = this.reference.digest ?? this.reference.tag): Promise<Document | undefined> {
    if (reference === undefined) return undefined
    if (!isDigest(reference) && !isTag(reference))
      throw this.invalid('DESTINATION_INVALID', 'a tag or a digest', JSON.stringify(brief(reference)))
    const headers = { accept: MANIFEST_TYPES.join(', ') }
    const answer = await this.ask('GET', `manifests/${reference}`, { headers, limit: MAX_DOCUMENT })
    if (answer.status === 404) return undefined
    expectStatus(answer, [200], `get the manifest ${reference}`)
    const found = this.document(reference, answer)
    this.takesKind ||= found.descriptor.mediaType === MANIFEST_TYPE
    return found
  }

  async tags(): Promise<readonly string[]> {
    const answer = await this.ask('GET', `tags/list?n=${MANY_TAGS}`, { limit: LARGEST_LIST })
    if (answer.status === 404) return []
    expectStatus(answer, [200], 'list the tags')
    return tagsIn(answer.body)
  }

  get(blob: Descriptor): AsyncIterable<Uint8Array> {
    return download(blob, this.session, this.access, this.name)
  }

  async has({ digest, size }: Descriptor): Promise<boolean> {
    const answer = await this.ask('HEAD', `blobs/${digest}`)
    if (answer.status === 404) return false
    expectStatus(answer, [200], `look for ${digest}`)
    const found = answer.header('docker-content-digest') ?? digest
    return found === digest && answer.header('content-length') === String(size)
  }

  /** Mounts from the repository that the options name. What is refused, or fails, is to be uploaded. */
  async mount({ digest }: Descriptor): Promise<boolean> {
    this.check()
    const { mountFrom } = this.options
    const { repository, scopes } = this.access
    if (mountFrom === undefined || mountFrom === repository) return false
    // A token for both, of its own: a token server may refuse it.
    const access = { repository, scopes: [...scopes, `repository:${mountFrom}:pull`] }
    const url = await this.session.url(repository, 'blobs/uploads/')
    url.search = String(new URLSearchParams({ mount: digest, from: mountFrom }))
    try {
      const answer = await this.session.ask({
        method: 'POST',
        url,
        access,
        headers: { 'content-length': '0' },
      })
      if (answer.status === 202) await this.uploads.cancel(answer)
      return answer.status === 201 && (answer.header('docker-content-digest') ?? digest) === digest
    } catch (failure) {
      if (failure instanceof ImageError && failure.code === 'ABORTED') throw failure
      return false
    }
  }

  referrers(subject: Digest): Promise<Descriptor[]> {
    return this.referring.list(subject)
  }

  async canMount(blob: Descriptor): Promise<boolean> {
    const { mountFrom } = this.options
    if (mountFrom === undefined || mountFrom === this.access.repository) return false
    return this.other(mountFrom)
      .has(blob)
      .catch((failure: unknown) => {
        if (failure instanceof ImageError && failure.code === 'ABORTED') throw failure
        return false
      })
  }

  put(blob: Descriptor, content: string | Buffer, { onSent }: PutOptions = {}): Promise<void> {
    return this.uploads.put(blob, content, () => this.has(blob), onSent)
  }

  async putManifest(manifest: Document, tag: string | undefined): Promise<Document> {
    this.check()
    const { descriptor, bytes } = manifest
    const subject = `manifest ${descriptor.digest}`
    if (bytes.length > MAX_DOCUMENT)
      throw this.invalid('IMAGE_INVALID', `at most ${MAX_DOCUMENT} bytes`, `${bytes.length}`, subject)
    if (digestOf(bytes) !== descriptor.digest)
      throw this.invalid('IMAGE_INVALID', 'its digest', digestOf(bytes), subject)
    if (tag !== undefined && !isTag(tag))
      throw this.invalid('DESTINATION_INVALID', 'a tag', JSON.stringify(brief(tag)))
    // Tags come last, and whether the kind is taken shows only when one is sent.
    const isOffered = tag === undefined || !this.takesKind || referrerOf(manifest) !== undefined
    const stored = isOffered ? await this.offer(manifest) : manifest
    if (tag !== undefined) this.tagged.push({ manifest: stored, tag })
    return stored
  }

  /** By its digest; where it is refused, as Docker's, which have no subject. */
  private async offer(manifest: Document): Promise<Document> {
    const answer = await this.send(manifest, manifest.descriptor.digest)
    const referrer = referrerOf(manifest)
    const isRefused = REFUSALS.includes(answer.status) && referrer === undefined
    const older = isRefused ? asDockers(manifest) : undefined
    if (older !== undefined) {
      const second = await this.send(older, older.descriptor.digest)
      if (TAKEN.includes(second.status)) return older
    }
    expectTaken(answer, manifest)
    this.takesKind = true
    if (referrer !== undefined) this.referring.note(referrer.subject, referrer.descriptor, answer)
    return manifest
  }

  /** Nothing is left that nobody sees. */
  async finish(): Promise<void> {}

  async publish(): Promise<void> {
    this.check()
    await this.referring.publish()
    for (let next = this.tagged[0]; next !== undefined; next = this.tagged[0]) {
      expectTaken(await this.send(next.manifest, next.tag), next.manifest, next.tag)
      this.tagged.shift()
    }
  }

  async close(): Promise<void> {
    if (this.shared === undefined) await this.session.close()
  }

  private check(): void {
    if (this.signal.aborted) throw aborted(this.signal.reason)
  }

  private send({ descriptor, bytes }: Document, reference: string): Promise<Answer> {
    const headers = { 'content-type': descriptor.mediaType }
    return this.ask('PUT', `manifests/${reference}`, { headers, body: bytes })
  }

  private ask(
    method: 'GET' | 'HEAD' | 'PUT',
    path: string,
    { headers, body, limit }: AskOptions = {},
  ): Promise<Answer> {
    const { session, access } = this
    return retrying(session.retry, async () => {
      const url = await session.url(access.repository, path)
      return session.ask({ method, url, access, headers, body: body && bytesBody(body) }, limit)
    })
  }

  /** @throws ImageError IMAGE_INVALID unless the answer is a manifest, and the one that was asked for */
  private document(reference: string, { header, body: bytes }: Answer): Document {
    const subject = `manifest ${reference}`
    if (bytes === undefined)
      throw this.invalid('IMAGE_INVALID', `at most ${MAX_DOCUMENT} bytes`, 'more', subject)
    const mediaType = (header('content-type') ?? '').replace(/\s*;.*$/s, '').toLowerCase()
    if (!MANIFEST_TYPES.includes(mediaType))
      throw this.invalid(
        'IMAGE_INVALID',
        'the media type of a manifest or an index',
        brief(mediaType) || 'none',
        subject,
      )
    const digest: Digest = digestOf(bytes)
    const told = header('docker-content-digest')
    for (const expected of [isDigest(reference) ? reference : undefined, told])
      if (expected?.startsWith('sha256:') && expected !== digest)
        throw this.invalid('IMAGE_INVALID', brief(expected), digest, subject)
    if (isTooDeep(bytes))
      throw this.invalid('IMAGE_INVALID', `at most ${MAX_DEPTH} levels of JSON`, 'more', subject)
    return { descriptor: { mediaType, digest, size: bytes.length }, bytes }
  }

  private invalid(
    code: 'IMAGE_INVALID' | 'DESTINATION_INVALID',
    expected: string,
    found: string,
    subject = 'reference',
  ): ImageError {
    return new ImageError(code, `${this.name}: ${subject}: expected ${expected}, found ${found}`)
  }
}
