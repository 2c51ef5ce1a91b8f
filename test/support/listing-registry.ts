/**
 * A small registry that lists referrers itself, two a page (OCI distribution specification 1.1, "Listing Referrers"):
 * what the registry of the tests' machine does not do.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Descriptor } from '../../src/model/descriptor.js'
import { digestOf } from '../../src/model/digest.js'
import { serve } from './registry.js'

export interface ListingRegistry {
  host: string
  /** What was asked, as `METHOD /path?query`. */
  requests: string[]
  /** Changes a byte of a blob or manifest. */
  damage(blob: Descriptor): void
}

const INDEX = 'application/vnd.oci.image.index.v1+json'
const PAGE = 2

interface Manifest {
  digest: string
  type: string
  bytes: Buffer
}

class Repository {
  readonly blobs = new Map<string, Buffer>()
  /** By digest and by tag. */
  readonly manifests = new Map<string, Manifest>()
}

/** @param lists whether it lists referrers; otherwise it takes manifests under conditions (RFC 9110, 13) */
export async function startListingRegistry(lists = true): Promise<ListingRegistry> {
  const repositories = new Map<string, Repository>()
  const requests: string[] = []
  const host = await serve((request, response) => {
    requests.push(`${request.method} ${request.url}`)
    answer(request, response, repositories, lists).catch(() => response.destroy())
  })
  const damage = ({ digest }: Descriptor): void => {
    for (const { blobs, manifests } of repositories.values())
      for (const bytes of [blobs.get(digest), manifests.get(digest)?.bytes])
        if (bytes !== undefined) bytes[bytes.indexOf('"size":') + '"size":'.length]! ^= 1
  }
  return { host, requests, damage }
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  repositories: Map<string, Repository>,
  lists: boolean,
): Promise<void> {
  const url = new URL(request.url!, 'http://registry')
  const pieces: Buffer[] = []
  for await (const piece of request) pieces.push(piece)
  const body = Buffer.concat(pieces)
  const end = (status: number, headers: Record<string, string> = {}, bytes?: Buffer | string): void => {
    const length = bytes === undefined ? {} : { 'content-length': String(Buffer.byteLength(bytes)) }
    response.writeHead(status, { ...headers, ...length }).end(request.method === 'HEAD' ? undefined : bytes)
  }
  if (url.pathname === '/v2/') return end(200)
  const [, name = '', kind = '', reference = ''] =
    /^\/v2\/(.+)\/(blobs|manifests|referrers|tags)\/(.*)$/.exec(url.pathname) ?? []
  const repository = repositories.get(name) ?? new Repository()
  repositories.set(name, repository)
  const { blobs, manifests } = repository
  const route = `${request.method === 'HEAD' ? 'GET' : request.method} ${kind}`
  if (route === 'POST blobs') return end(202, { location: `/v2/${name}/blobs/uploads/1` })
  if (route === 'PUT blobs') {
    const digest = url.searchParams.get('digest')!
    if (digestOf(body) !== digest) return end(400)
    blobs.set(digest, body)
    return end(201, { 'docker-content-digest': digest })
  }
  if (route === 'GET blobs') {
    const bytes = blobs.get(reference)
    return bytes === undefined ? end(404) : end(200, {}, bytes)
  }
  if (route === 'PUT manifests') {
    const digest = digestOf(body)
    const { 'if-match': same, 'if-none-match': none } = request.headers
    const before = manifests.get(reference)?.digest
    if ((none === '*' && before !== undefined) || (same !== undefined && same !== before)) return end(412)
    const manifest = { digest, type: request.headers['content-type']!, bytes: body }
    for (const key of [digest, reference]) manifests.set(key, manifest)
    const { subject } = JSON.parse(body.toString()) as { subject?: Descriptor }
    return end(201, {
      'docker-content-digest': digest,
      ...(subject === undefined || !lists ? {} : { 'oci-subject': subject.digest }),
    })
  }
  if (route === 'GET manifests') {
    const found = manifests.get(reference)
    if (found === undefined) return end(404)
    const headers = { 'content-type': found.type, 'docker-content-digest': found.digest, etag: found.digest }
    return end(200, headers, found.bytes)
  }
  if (route === 'GET referrers' && lists) {
    const from = Number(url.searchParams.get('from') ?? 0)
    const all = referrersOf(reference, manifests)
    const page = JSON.stringify({
      schemaVersion: 2,
      mediaType: INDEX,
      manifests: all.slice(from, from + PAGE),
    })
    const next = `</v2/${name}/referrers/${reference}?from=${from + PAGE}>; rel="next"`
    return end(200, { 'content-type': INDEX, ...(from + PAGE < all.length ? { link: next } : {}) }, page)
  }
  if (route === 'GET tags') {
    const tags = [...manifests.keys()].filter((key) => !key.includes(':'))
    return end(200, { 'content-type': 'application/json' }, JSON.stringify({ name, tags }))
  }
  end(404)
}

function referrersOf(subject: string, manifests: ReadonlyMap<string, Manifest>): object[] {
  return [...manifests]
    .filter(([key]) => key.includes(':'))
    .flatMap(([digest, { type, bytes }]) => {
      const manifest = JSON.parse(bytes.toString())
      if (manifest.subject?.digest !== subject) return []
      const { artifactType = manifest.config?.mediaType, annotations } = manifest
      return { mediaType: type, digest, size: bytes.length, artifactType, annotations }
    })
}
