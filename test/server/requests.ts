/** Requests that docker-registry and `serve` are both asked, with the differences that are meant. */
import type { Descriptor } from '../../src/model/descriptor.js'

/** Why the answers differ, both statuses, and what else differs: the names of facts, divided by spaces. */
type Difference = [why: string, statuses: [ours: number, theirs: number], facts: string]

export interface Asking {
  method: string
  path: string
  headers: Record<string, string>
  difference: Difference | undefined
}

const OCI = 'application/vnd.oci.image.manifest.v1+json'
const ZERO = `sha256:${'0'.repeat(64)}`

const READ_ONLY = 'nothing is written to this one: 405 for whatever would'
const TEXT =
  'errors are in the specification’s JSON everywhere, in theirs not where their router finds no route'
const ANY = 'who takes anything takes OCI manifests; theirs knows no ranges of media types'
const FOUND = 'type digest length etag body'

/** @param digest of the manifest @param layer one of its layers @param config of the image */
export function requests(digest: string, layer: Descriptor, config: Descriptor): Asking[] {
  const all: Asking[] = []
  const ask = (method: string, path: string, headers = {}, difference?: Difference): void => {
    all.push({ method, path, headers, difference })
  }
  const oci = { accept: OCI }

  ask('GET', '/v2/')
  ask('HEAD', '/v2/')
  ask('GET', '/v2', {}, ['without a detour', [200, 301], 'type length body'])
  ask('GET', '/', {}, [
    'this one has a page, theirs is empty',
    [200, 200],
    'type length version caching body',
  ])
  ask('GET', '/v1/', {}, [TEXT, [404, 404], 'type body'])
  ask('GET', '/v2/app', {}, [TEXT, [404, 404], 'type body'])

  ask('GET', '/v2/_catalog')
  ask('GET', '/v2/_catalog?n=1')
  ask('GET', '/v2/_catalog?n=0')
  ask('GET', '/v2/_catalog?last=app')
  ask('GET', '/v2/_catalog?last=a')
  ask('GET', '/v2/_catalog?n=x', {}, ['a number that is none is said', [400, 200], 'body'])
  ask('HEAD', '/v2/_catalog', {}, [
    'what can be read has headers too (RFC 9110, 9.3.2)',
    [200, 405],
    'type allow',
  ])
  ask('GET', '/v2/app/tags/list')
  ask('GET', '/v2/app/tags/list?n=1')
  ask('GET', '/v2/none/tags/list')
  ask('HEAD', '/v2/app/tags/list', {}, ['as above', [200, 405], 'type allow'])
  ask('GET', '/v2/app/tags/', {}, [TEXT, [404, 404], 'type body'])
  ask('GET', '/v2/app/tags/other', {}, [TEXT, [404, 404], 'type body'])
  ask('GET', '/v2/App/tags/list', {}, ['what is wrong with the name is said', [400, 404], 'type body'])
  ask('GET', '/v2/a%2Fb/tags/list')

  for (const method of ['GET', 'HEAD'])
    for (const reference of ['latest', digest]) ask(method, `/v2/app/manifests/${reference}`, oci)
  ask('GET', '/v2/app/manifests/latest', {}, [ANY, [200, 404], FOUND])
  ask('GET', '/v2/app/manifests/latest', { accept: '*/*' }, [ANY, [200, 404], FOUND])
  ask('GET', '/v2/app/manifests/latest', { accept: 'application/*' }, [ANY, [200, 404], FOUND])
  ask('GET', '/v2/app/manifests/latest', { accept: 'application/vnd.docker.distribution.manifest.v2+json' })
  ask('GET', '/v2/app/manifests/latest', { accept: `text/html, ${OCI};q=0.5` })
  for (const etag of [`"${digest}"`, digest])
    ask('GET', '/v2/app/manifests/latest', { ...oci, 'if-none-match': etag }, [
      'a 304 has the headers that the whole would have (RFC 9110, 15.4.5)',
      [304, 304],
      'digest etag',
    ])
  ask('GET', '/v2/app/manifests/none', oci)
  ask('HEAD', '/v2/app/manifests/none', oci)
  ask('GET', `/v2/app/manifests/${ZERO}`, oci)
  const NONE = 'that there is no such repository is said'
  ask('GET', '/v2/none/manifests/latest', oci, [NONE, [404, 404], 'body'])
  const NO_DIGEST = 'what is no digest is the client’s mistake, not the server’s'
  ask('GET', '/v2/app/manifests/sha256:12', oci, [NO_DIGEST, [400, 500], 'body'])
  ask('GET', '/v2/app/manifests/md5:0123', oci, [NO_DIGEST, [400, 500], 'body'])
  ask('GET', '/v2/app/manifests/-x', oci, [TEXT, [404, 404], 'type body'])
  ask('GET', `/v2/app/manifests/${layer.digest}`, oci, [
    'a layer is no manifest; theirs tries to read it as one',
    [404, 500],
    'body',
  ])

  const blob = `/v2/app/blobs/${layer.digest}`
  ask('GET', blob)
  ask('HEAD', blob)
  ask('GET', `/v2/app/blobs/${config.digest}`)
  ask('GET', `/v2/app/blobs/${digest}`)
  ask('GET', `/v2/app/blobs/${ZERO}`)
  ask('HEAD', `/v2/app/blobs/${ZERO}`)
  ask('GET', `/v2/none/blobs/${layer.digest}`)
  ask('GET', '/v2/app/blobs/sha256:12')
  ask('GET', '/v2/app/blobs/x', {}, ['what is wrong with the digest is said', [400, 404], 'type body'])
  ask('GET', blob, { 'if-none-match': `"${layer.digest}"` }, [
    'that ranges can be asked for is said always',
    [304, 304],
    'ranges',
  ])

  const { size } = layer
  for (const range of ['0-', '1-', '5-9', '0-0', `${size - 1}-`, `5-${size + 100}`, '-5', `-${size + 5}`])
    ask('GET', blob, { range: `bytes=${range}` })
  ask('HEAD', blob, { range: 'bytes=5-9' })
  ask('GET', blob, { range: 'bytes=5-9', 'if-range': `"${layer.digest}"` })
  ask('GET', blob, { range: 'bytes=5-9', 'if-range': '"other"' })
  const BROKEN = 'an error is told; theirs promises the blob’s length and breaks off'
  ask('GET', blob, { range: `bytes=${size}-` }, [BROKEN, [416, 416], 'type ranges body'])
  ask('GET', blob, { range: 'bytes=-0' }, [
    'there are no last zero bytes',
    [416, 206],
    'type length range body',
  ])
  const IGNORED = 'a range that is not understood is none (RFC 9110, 14.2)'
  for (const range of ['bytes=9-5', 'bytes=x', 'items=0-5'])
    ask('GET', blob, { range }, [IGNORED, [200, 416], 'type length ranges body'])
  ask('GET', blob, { range: 'bytes=0-1,5-6' }, [
    'no client asks for several ranges: the whole is as good an answer (RFC 9110, 14.2)',
    [200, 206],
    'type length body',
  ])

  ask('GET', `/v2/app/referrers/${digest}`, {}, [
    'referrers are newer than theirs; there are none',
    [200, 404],
    'type length body',
  ])
  ask('GET', `/v2/none/referrers/${digest}`, {}, ['as above', [404, 404], 'type body'])

  ask('POST', '/v2/', {}, [READ_ONLY, [405, 200], 'length allow body'])
  ask('PUT', '/v2/app/manifests/latest', {}, [READ_ONLY, [405, 400], 'allow body'])
  ask('DELETE', `/v2/app/manifests/${ZERO}`, {}, [READ_ONLY, [405, 404], 'allow body'])
  ask('POST', '/v2/app/manifests/latest', {}, [READ_ONLY, [405, 405], 'type allow body'])
  ask('PUT', blob, {}, [READ_ONLY, [405, 405], 'type allow body'])
  ask('POST', blob, {}, [READ_ONLY, [405, 405], 'type allow body'])
  ask('PATCH', blob, {}, [READ_ONLY, [405, 405], 'type allow body'])
  ask('DELETE', `/v2/app/blobs/${ZERO}`, {}, [READ_ONLY, [405, 404], 'allow body'])
  ask('POST', '/v2/app/blobs/uploads/', {}, [READ_ONLY, [405, 202], 'type length allow body'])
  ask('GET', '/v2/app/blobs/uploads/0123', {}, ['there are no uploads', [404, 404], 'body'])
  return all
}
