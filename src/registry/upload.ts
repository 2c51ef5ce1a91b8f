/** Uploads of blobs (OCI distribution specification 1.1, "Pushing Blobs"): whole, or in pieces where whole ones are refused. */

import { ImageError } from '../errors.js'
import type { Descriptor } from '../model/descriptor.js'
import { brief, follow, shown } from './address.js'
import type { Answer } from './answer.js'
import { PassingFailure, retrying } from './retry.js'
import { type Body, bytesBody, fileBody } from './sending.js'
import { type Access, expectStatus, type Session } from './session.js'

/** Bytes of a body when a server has refused a larger one as too large, and the least that is tried. */
const FIRST_CHUNK = 16 << 20
const LEAST_CHUNK = 64 << 10
const OCTETS = { 'content-type': 'application/octet-stream' }

type OnSent = (bytes: number) => void
/** The blob's bytes from `start` up to `end`. */
type Bodies = (start: number, end: number) => Body

export class Uploads {
  /** Bytes that a body may have, once the server has refused a larger one. */
  private chunk = Number.POSITIVE_INFINITY

  /** @param access to the repository that blobs go to */
  constructor(
    private readonly session: Session,
    private readonly access: Access,
  ) {}

  /**
   * @param content the path of a file of just the blob, or its bytes
   * @param isThere whether an attempt that seemed to fail has brought it after all
   * @param onSent told how many bytes the connection has taken; fewer again where an attempt has failed
   */
  async put(
    blob: Descriptor,
    content: string | Buffer,
    isThere: () => Promise<boolean>,
    onSent: OnSent = () => {},
  ): Promise<void> {
    const bodies = (start: number, end: number): Body => watched(bodyOf(content, start, end), start, onSent)
    const attempt = async (failures: number): Promise<boolean> => {
      if (failures > 0 && (await isThere())) return true
      const { place, least } = await this.begin(blob)
      if (blob.size <= this.chunk) return this.putWhole(place, blob, bodies, least)
      return this.putChunks(place, blob, bodies, least)
    }
    // Each body that is refused as too large makes the next ones smaller, or is the last.
    while (!(await retrying(this.session.retry, attempt)));
  }

  /** Ends an upload that the registry has begun unasked. */
  async cancel(begun: Answer): Promise<void> {
    const url = uploadPlace(begun, await this.session.url(this.access.repository, ''))
    await this.session.ask({ method: 'DELETE', url, access: this.access })
  }

  private async begin({ digest }: Descriptor): Promise<{ place: URL; least: number }> {
    const { session, access } = this
    const url = await session.url(access.repository, 'blobs/uploads/')
    const answer = await session.ask({ method: 'POST', url, access, headers: { 'content-length': '0' } })
    expectStatus(answer, [202], `begin an upload of ${digest}`)
    const least = Number(answer.header('oci-chunk-min-length') ?? 0)
    return { place: uploadPlace(answer, url), least: Number.isSafeInteger(least) ? least : 0 }
  }

  /** @param least bytes of a part, as the registry wants it @returns false when the body was too large */
  private async putWhole(place: URL, blob: Descriptor, bodies: Bodies, least: number): Promise<boolean> {
    const { session, access } = this
    const url = withDigest(place, blob.digest)
    const body = bodies(0, blob.size)
    const answer = await session.ask({ method: 'PUT', url, access, headers: OCTETS, body })
    if (answer.status === 413) return this.takeLess(blob.size, least, answer, blob)
    // The bytes were damaged on the way, or the session lost.
    if (answer.status === 400 || answer.status === 404) throw new PassingFailure(failed(answer, blob))
    expectStatus(answer, [201, 204], `upload ${blob.digest}`)
    expectDigest(answer, blob.digest, 'blob')
    return true
  }

  /** @param least bytes of a part, as the registry wants it @returns false when one was too large */
  private async putChunks(begun: URL, blob: Descriptor, bodies: Bodies, least: number): Promise<boolean> {
    const { session, access } = this
    const chunk = Math.max(this.chunk, least)
    let place = begun
    for (let start = 0; start < blob.size; ) {
      const end = Math.min(start + chunk, blob.size)
      const headers = { ...OCTETS, 'content-range': `${start}-${end - 1}` }
      const body = bodies(start, end)
      const answer = await session.ask({ method: 'PATCH', url: place, access, headers, body })
      if (answer.status === 413) return this.takeLess(end - start, least, answer, blob)
      // A session that was lost on the way is begun anew.
      if (answer.status === 404 || answer.status === 416) throw new PassingFailure(failed(answer, blob))
      expectStatus(answer, [202, 204], `upload a part of ${blob.digest}`)
      place = uploadPlace(answer, place)
      start = end
    }
    return this.commit(place, blob)
  }

  private async commit(place: URL, blob: Descriptor): Promise<boolean> {
    const { session, access } = this
    const url = withDigest(place, blob.digest)
    // All parts are worked off now, so their bytes count for the time that it may take.
    const body = { ...bytesBody(Buffer.alloc(0)), weight: blob.size }
    const answer = await session.ask({ method: 'PUT', url, access, body })
    expectStatus(answer, [201, 204], `finish the upload of ${blob.digest}`)
    expectDigest(answer, blob.digest, 'blob')
    return true
  }

  /** Sends smaller bodies than the refused one from now on. @throws ImageError when it is to be no smaller */
  private takeLess(refused: number, least: number, answer: Answer, blob: Descriptor): false {
    if (refused <= Math.max(LEAST_CHUNK, least)) throw failed(answer, blob)
    this.chunk = Math.min(this.chunk, FIRST_CHUNK, Math.max(LEAST_CHUNK, Math.ceil(refused / 2)))
    return false
  }
}

/** @throws ImageError REGISTRY_FAILED when the registry says that it holds something else */
export function expectDigest(answer: Answer, digest: string, what: string): void {
  const found = answer.header('docker-content-digest')
  if (found !== undefined && found !== digest)
    throw new ImageError(
      'REGISTRY_FAILED',
      `expected the registry to hold the ${what} ${digest}, found ${brief(found)}`,
    )
}

/** Where an upload goes on: `Location`, which may lead to another host. */
function uploadPlace(answer: Answer, from: URL): URL {
  const location = answer.header('location')
  if (location === undefined)
    throw new ImageError('REGISTRY_FAILED', `${shown(from)}: expected a Location for an upload, found none`)
  return follow(location, from, 'Location')
}

function withDigest(place: URL, digest: string): URL {
  const url = new URL(place)
  url.searchParams.set('digest', digest)
  return url
}

function bodyOf(content: string | Buffer, start: number, end: number): Body {
  return typeof content === 'string' ? fileBody(content, start, end) : bytesBody(content.subarray(start, end))
}

/** The same body; what the connection has taken of it is told. @param before bytes of the blob that were sent before */
function watched(body: Body, before: number, onSent: OnSent): Body {
  async function* open(): AsyncGenerator<Uint8Array> {
    let sent = before
    for await (const piece of body.open()) {
      yield piece
      sent += piece.length
      onSent(sent)
    }
  }
  return { ...body, open }
}

function failed(answer: Answer, { digest }: Descriptor): ImageError {
  return new ImageError('REGISTRY_FAILED', `cannot upload ${digest}: ${answer.text}`)
}
