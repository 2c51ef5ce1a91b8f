/**
 * Referrers in a registry (OCI distribution specification 1.1). A registry that lists them says so when one is put; in
 * others the clients keep an index of them under a tag, which any number of clients may change at once: each reads it,
 * adds its own, puts it under the condition that nobody was faster, and looks again.
 */
import { setTimeout } from 'node:timers/promises'
import { referrersTag } from '../documents/artifact.js'
import { MAX_DOCUMENT } from '../documents/json.js'
import { INDEX_TYPE, MANIFEST_TYPES } from '../documents/oci-manifest.js'
import { MAX_REFERRERS, referrersIn, withReferrers } from '../documents/referrers-index.js'
import { aborted, ImageError } from '../errors.js'
import type { Descriptor, Document } from '../model/descriptor.js'
import { type Digest, digestOf } from '../model/digest.js'
import { brief } from '../registry/address.js'
import type { Answer } from '../registry/answer.js'
import type { RetryOptions } from '../registry/retry.js'
import { expectStatus } from '../registry/session.js'

export interface AskOptions {
  headers?: Record<string, string>
  body?: Buffer
  /** Bytes of the answer's body. */
  limit?: number
}

/** A request to a path of the repository, as often as it takes. */
type Ask = (method: 'GET' | 'PUT', path: string, options: AskOptions) => Promise<Answer>

/** How often others may be faster. */
const TRIES = 10

export class Referrers {
  /** What this registry does not list by itself. */
  private readonly pending = new Map<Digest, Descriptor[]>()

  constructor(
    private readonly name: string,
    private readonly ask: Ask,
    private readonly retry: RetryOptions,
  ) {}

  /** What the registry lists; where it does not list any, what clients do. @throws ImageError */
  async list(subject: Digest): Promise<Descriptor[]> {
    const found = new Map<Digest, Descriptor>()
    for (let query: string | undefined = ''; query !== undefined; ) {
      const options = { headers: { accept: INDEX_TYPE }, limit: MAX_DOCUMENT }
      const answer = await this.ask('GET', `referrers/${subject}${query}`, options)
      if (found.size === 0 && !isList(answer)) return this.listed(subject)
      expectStatus(answer, [200], `list the referrers of ${subject}`)
      const page = referrersIn(this.whole(answer, subject), `${this.name}: referrers of ${subject}`)
      const before = found.size
      for (const referrer of page) found.set(referrer.digest, referrer)
      if (found.size > MAX_REFERRERS)
        throw this.invalid(`the referrers of ${subject}`, `at most ${MAX_REFERRERS}`, 'more')
      // Pages that bring nothing new may go in a circle.
      query = found.size === before ? undefined : nextQuery(answer.header('link'))
    }
    return [...found.values()]
  }

  /** @param answer to the manifest's PUT: it names the subject where the registry lists it */
  note(subject: Digest, referrer: Descriptor, answer: Answer): void {
    if (answer.header('oci-subject') !== undefined) return
    this.pending.set(subject, [...(this.pending.get(subject) ?? []), referrer])
  }

  /** Adds to the lists that clients keep what was noted. @throws ImageError REGISTRY_FAILED, IMAGE_INVALID */
  async publish(): Promise<void> {
    for (const [subject, referrers] of this.pending) {
      await this.add(subject, referrers)
      this.pending.delete(subject)
    }
  }

  private async listed(subject: Digest): Promise<Descriptor[]> {
    const { index } = await this.kept(subject)
    return index === undefined ? [] : referrersIn(index.bytes, `${this.name}: ${referrersTag(subject)}`)
  }

  private async add(subject: Digest, referrers: readonly Descriptor[]): Promise<void> {
    const tag = referrersTag(subject)
    for (let tries = 0; ; tries++) {
      const { index, condition } = await this.kept(subject)
      const after = withReferrers(index, referrers, `${this.name}: ${tag}`)
      if (after === undefined) return
      if (tries === TRIES)
        throw new ImageError(
          'REGISTRY_FAILED',
          `${this.name}: expected ${tag} to list what was put, found that others changed it ${TRIES} times meanwhile`,
          { hint: 'run it again: what was put is there' },
        )
      if (tries > 0) await this.pause()
      const headers = { 'content-type': INDEX_TYPE, ...condition }
      const answer = await this.ask('PUT', `manifests/${tag}`, { headers, body: after.bytes })
      if (answer.status !== 412) expectStatus(answer, [200, 201, 202], `put the referrers ${tag}`)
    }
  }

  /** The list that clients keep, and under which condition it is still the same. */
  private async kept(
    subject: Digest,
  ): Promise<{ index: Document | undefined; condition: Record<string, string> }> {
    const tag = referrersTag(subject)
    // Who asks for indexes alone is told by some that there is nothing, where there is something else.
    const options = { headers: { accept: MANIFEST_TYPES.join(', ') }, limit: MAX_DOCUMENT }
    const answer = await this.ask('GET', `manifests/${tag}`, options)
    if (answer.status === 404) return { index: undefined, condition: { 'if-none-match': '*' } }
    expectStatus(answer, [200], `get the referrers ${tag}`)
    const mediaType = typeOf(answer)
    if (mediaType !== INDEX_TYPE) throw this.invalid(tag, INDEX_TYPE, brief(mediaType) || 'no media type')
    const bytes = this.whole(answer, subject)
    const etag = answer.header('etag')
    const descriptor = { mediaType, digest: digestOf(bytes), size: bytes.length }
    return { index: { descriptor, bytes }, condition: etag === undefined ? {} : { 'if-match': etag } }
  }

  private whole({ body }: Answer, subject: Digest): Buffer {
    if (body !== undefined) return body
    throw this.invalid(`the referrers of ${subject}`, `at most ${MAX_DOCUMENT} bytes`, 'more')
  }

  /** Long enough that those who were as fast spread out. */
  private async pause(): Promise<void> {
    const { patience, signal } = this.retry
    await setTimeout(patience.firstWait * Math.random(), undefined, { signal }).catch((cause) => {
      throw aborted(cause)
    })
  }

  private invalid(what: string, expected: string, found: string): ImageError {
    return new ImageError('IMAGE_INVALID', `${this.name}: ${what}: expected ${expected}, found ${found}`)
  }
}

/** Whether the registry lists referrers itself: others do not know the path, or have a page for everything. */
function isList(answer: Answer): boolean {
  if (answer.status === 404 || answer.status === 405) return false
  return answer.status !== 200 || typeOf(answer) === INDEX_TYPE
}

function typeOf(answer: Answer): string {
  return (answer.header('content-type') ?? '').replace(/\s*;.*$/s, '').toLowerCase()
}

/** What follows `?` in the address of the next page (RFC 8288); it is asked for where the first one was. */
function nextQuery(link: string | undefined): string | undefined {
  const [, query] = /<[^>?]*(\?[^>]+)>\s*;\s*rel="?next"?/i.exec(link ?? '') ?? []
  return query
}
