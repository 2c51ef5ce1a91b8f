/** A blob from a registry, in pieces: compared with its descriptor, and taken up again where a connection was lost. */
import { createHash } from 'node:crypto'
import { ImageError } from '../errors.js'
import type { Descriptor } from '../model/descriptor.js'
import { brief } from './address.js'
import { Attempts, PassingFailure } from './retry.js'
import { type Access, expectStatus, type Session } from './session.js'
import type { Reply } from './transport.js'

/** Bytes after which a failure is a new one: so attempts are bounded by the blob's size, and large blobs arrive. */
const PROGRESS = 16 << 20

/**
 * @param name the store's, for messages
 * @throws ImageError IMAGE_INVALID before the last piece when the bytes are not what the descriptor says
 */
export async function* download(
  blob: Descriptor,
  session: Session,
  access: Access,
  name: string,
): AsyncGenerator<Uint8Array> {
  const { digest, size } = blob
  const hash = createHash('sha256')
  const attempts = new Attempts(session.retry)
  let received = 0
  let last: Buffer | undefined
  let renewedAt = 0
  for (;;) {
    try {
      if (received < size || size === 0)
        for await (const piece of range(blob, received, session, access, name)) {
          received += piece.length
          hash.update(piece)
          if (last !== undefined) yield last
          last = piece
        }
      if (received === size) break
      throw new PassingFailure(invalid(name, blob, `${size} bytes`, `${received}`))
    } catch (failure) {
      if (received - renewedAt >= PROGRESS) {
        attempts.renew()
        renewedAt = received
      }
      await attempts.next(failure)
    }
  }
  const found = `sha256:${hash.digest('hex')}`
  if (found !== digest) throw invalid(name, blob, 'bytes of that digest', found)
  if (last !== undefined) yield last
}

/** The blob's bytes from `start` on, none of them beyond its size. */
async function* range(
  blob: Descriptor,
  start: number,
  session: Session,
  access: Access,
  name: string,
): AsyncGenerator<Buffer> {
  const url = await session.url(access.repository, `blobs/${blob.digest}`)
  const headers = { 'accept-encoding': 'identity', ...(start === 0 ? {} : { range: `bytes=${start}-` }) }
  const { question, reply } = await session.open({ method: 'GET', url, headers, access })
  if (reply.status !== 200 && reply.status !== 206) {
    const answer = await session.finish(question, reply)
    if (answer.status === 416) throw invalid(name, blob, `${blob.size} bytes`, `${start}`)
    expectStatus(answer, [200, 206], `get ${blob.digest}`)
  }
  try {
    let position = reply.status === 206 ? start : 0
    expectRange(reply, blob, position, name)
    for await (const piece of reply.pieces) {
      const end = position + piece.length
      if (end > blob.size) throw invalid(name, blob, `${blob.size} bytes`, 'more')
      // What ignores Range sends again what is there already.
      if (end > start) yield position < start ? piece.subarray(start - position) : piece
      position = end
    }
  } finally {
    reply.cancel()
  }
}

/** What the headers say beforehand must fit. */
function expectRange({ status, header }: Reply, blob: Descriptor, position: number, name: string): void {
  const length = header('content-length')
  const left = blob.size - position
  if (length !== undefined && length !== String(left))
    throw invalid(name, blob, `${left} bytes`, brief(length))
  const content = header('content-range')
  if (status === 206 && !content?.startsWith(`bytes ${position}-`))
    throw invalid(name, blob, `bytes from ${position} on`, `Content-Range ${brief(String(content))}`)
  const found = header('docker-content-digest')
  if (found !== undefined && found !== blob.digest) throw invalid(name, blob, 'that digest', brief(found))
}

function invalid(name: string, { digest }: Descriptor, expected: string, found: string): ImageError {
  return new ImageError('IMAGE_INVALID', `${name}: blob ${digest}: expected ${expected}, found ${found}`)
}
