/** The same image in Debian's docker-registry and in `serve`, the same requests to both: every difference is explained. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { request } from 'node:http'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { isDeepStrictEqual } from 'node:util'
import type { Descriptor } from '../../src/model/descriptor.js'
import { skipWithout } from '../support/clients.js'
import { buildClosure, closureConf } from '../support/nix-closure.js'
import { startRegistry } from '../support/registry.js'
import { scratchDirectory } from '../support/scratch.js'
import { startServe } from '../support/serve.js'
import { requests } from './requests.js'

interface Answer {
  status: number
  headers: Record<string, string | string[] | undefined>
  /** Undefined when it broke off. */
  body: Buffer | undefined
}

function ask(
  host: string,
  method: string,
  path: string,
  headers: Record<string, string> = {},
  body?: Buffer,
) {
  return new Promise<Answer>((resolve, reject) => {
    const [hostname, port] = host.split(':')
    const call = request(
      { hostname, port, method, path, headers: { ...headers, connection: 'close' } },
      (answer) => {
        const parts: Buffer[] = []
        answer.on('data', (part: Buffer) => parts.push(part))
        answer.on('error', () =>
          resolve({ status: answer.statusCode!, headers: answer.headers, body: undefined }),
        )
        answer.on('end', () =>
          resolve({ status: answer.statusCode!, headers: answer.headers, body: Buffer.concat(parts) }),
        )
      },
    )
    call.on('error', reject)
    call.end(body)
  })
}

/** What is compared of an answer: what a client may go by. */
function facts({ status, headers, body }: Answer, path: string): Record<string, unknown> {
  const json = /^application\/json/.test(String(headers['content-type'])) && body !== undefined
  const isError = status >= 400 && json && body.length > 0
  return {
    status,
    // That JSON is in UTF-8 is said by docker-registry, and is so (RFC 8259).
    type: headers['content-type']
      ?.toString()
      .replace(/^application\/json; charset=utf-8$/, 'application/json'),
    digest: headers['docker-content-digest'],
    // Of errors and lists it is the text's, which is each server's own.
    length: status >= 400 || /_catalog|tags\/list/.test(path) ? undefined : headers['content-length'],
    range: headers['content-range'],
    ranges: headers['accept-ranges'],
    etag: headers.etag,
    allow: headers.allow,
    link: headers.link,
    version: headers['docker-distribution-api-version'],
    caching: headers['cache-control'],
    body: body === undefined ? 'broken off' : isError ? codesOf(body) : contentOf(path, body),
  }
}

function codesOf(body: Buffer): string {
  const { errors } = JSON.parse(body.toString()) as { errors: { code: string }[] }
  return errors.map(({ code }) => code).join()
}

function contentOf(path: string, body: Buffer): unknown {
  if (/_catalog|tags\/list/.test(path) && body[0] === 0x7b) return JSON.parse(body.toString())
  // Texts that are no JSON are each server's own words.
  return createHash('sha256').update(body).digest('hex')
}

const skip = skipWithout('nix-store', 'busybox', 'docker-registry', 'curl')

describe('beside docker-registry', { skip }, () => {
  const root = scratchDirectory()

  test('every difference is explained', async () => {
    const conf = closureConf(join(root, 'app'), buildClosure(root), null, 'app')
    const ours = (await startServe([conf])).host
    const theirs = (await startRegistry(join(root, 'registry'))).host
    const { digest, layers, config } = await copyImage(ours, theirs)
    const wrong: string[] = []
    for (const { method, path, headers, difference } of requests(digest, layers[0]!, config)) {
      const a = facts(await ask(ours, method, path, headers), path)
      const b = facts(await ask(theirs, method, path, headers), path)
      const found = Object.keys(a).filter((key) => !isDeepStrictEqual(a[key], b[key]))
      const [why, statuses, others] = difference ?? ['nothing is to differ', [a.status, a.status], '']
      const isExplained =
        isDeepStrictEqual([a.status, b.status], statuses) &&
        found.filter((key) => key !== 'status').join(' ') === others
      const shown = found.map((key) => `${key}: ${String(a[key])} / ${String(b[key])}`)
      if (!isExplained)
        wrong.push(
          `${method} ${path} ${JSON.stringify(headers)} (${why}): ${shown.join('; ') || 'no difference'}`,
        )
    }
    assert.deepEqual(wrong, [])
  })
})

/** Copies the image, byte for byte. */
async function copyImage(
  ours: string,
  theirs: string,
): Promise<{ digest: string; layers: Descriptor[]; config: Descriptor }> {
  const found = await ask(ours, 'GET', '/v2/app/manifests/latest')
  const manifest = JSON.parse(String(found.body)) as { layers: Descriptor[]; config: Descriptor }
  for (const blob of [manifest.config, ...manifest.layers]) {
    const { body } = await ask(ours, 'GET', `/v2/app/blobs/${blob.digest}`)
    const started = await ask(theirs, 'POST', '/v2/app/blobs/uploads/')
    const url = new URL(String(started.headers.location), `http://${theirs}`)
    const put = await ask(theirs, 'PUT', `${url.pathname}${url.search}&digest=${blob.digest}`, {}, body)
    assert.equal(put.status, 201)
  }
  const type = { 'content-type': String(found.headers['content-type']) }
  const put = await ask(theirs, 'PUT', '/v2/app/manifests/latest', type, found.body)
  assert.equal(put.status, 201, String(put.body))
  return { ...manifest, digest: String(found.headers['docker-content-digest']) }
}
