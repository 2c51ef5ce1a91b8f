/** Blobs to clients: whole or in part, as they are made, and not too many at once. */
import { pipeline } from 'node:stream/promises'
import { ImageError } from '../errors.js'
import type { Descriptor } from '../model/descriptor.js'
import type { Digest } from '../model/digest.js'
import { type Asked, refuse, tooMany } from './answers.js'
import { parseRange } from './ranges.js'
import type { ServedBlob } from './served-image.js'

/** Blobs on their way at once; each holds some slices of memory. */
const MAX_BLOBS = 256

export class BlobSender {
  private underWay = 0

  /** @param onSent told of blobs that were sent to their end @param forget takes digests that are not true any more */
  constructor(
    private readonly onSent: (blob: Descriptor) => void,
    private readonly forget: (digest: Digest) => Promise<void>,
  ) {}

  /** @throws ImageError of the blob; the response is then without its end */
  async send(blob: ServedBlob, { request, response }: Asked): Promise<void> {
    const { digest, size } = blob.descriptor
    const etag = `"${digest}"`
    response.setHeader('docker-content-digest', digest)
    response.setHeader('etag', etag)
    response.setHeader('accept-ranges', 'bytes')
    response.setHeader('cache-control', 'max-age=31536000')
    if (request.headers['if-none-match']?.includes(digest)) return void response.writeHead(304).end()
    const isWanted = (request.headers['if-range'] ?? etag) === etag
    const range = isWanted ? parseRange(request.headers.range, size) : undefined
    if (range === 'unsatisfiable') {
      response.setHeader('content-range', `bytes */${size}`)
      const message = 'no byte of that range is there'
      return refuse(response, { status: 416, code: 'SIZE_INVALID', message })
    }
    const { start, end } = range ?? { start: 0, end: size }
    if (range !== undefined) response.setHeader('content-range', `bytes ${start}-${end - 1}/${size}`)
    const head = { 'content-type': 'application/octet-stream', 'content-length': end - start }
    const status = range === undefined ? 200 : 206
    if (request.method === 'HEAD') return void response.writeHead(status, head).end()
    if (this.underWay >= MAX_BLOBS) return tooMany(response, `${MAX_BLOBS} blobs are on their way already`)
    this.underWay++
    const pieces = blob.bytes(start, end)[Symbol.asyncIterator]()
    try {
      // What is found to be wrong at once can still be told.
      const first = await pieces.next()
      response.writeHead(status, head)
      await pipeline(goOn(first, pieces), response)
      if (end === size) this.onSent(blob.descriptor)
    } catch (error) {
      // What the digest stands for is not there any more; the next who asks gets what is.
      if (error instanceof ImageError) await this.forget(digest)
      throw error
    } finally {
      this.underWay--
      // Who takes it may be gone before the second piece.
      await pieces.return?.()
    }
  }
}

async function* goOn<T>(first: IteratorResult<T>, rest: AsyncIterator<T>): AsyncGenerator<T> {
  if (!first.done) yield first.value
  yield* { [Symbol.asyncIterator]: () => rest }
}
