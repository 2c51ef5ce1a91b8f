/** What a path asks for (OCI distribution specification 1.1, "API"). */
import { type Digest, isDigest } from '../model/digest.js'
import { isRepository, isTag } from '../registry/reference.js'
import type { Refusal } from './answers.js'

export type Route =
  | { kind: 'page' }
  | { kind: 'explorer'; repository: string; tag: string }
  | { kind: 'version' }
  | { kind: 'catalog' }
  | { kind: 'tags'; repository: string }
  | { kind: 'manifest'; repository: string; reference: string }
  | { kind: 'blob'; repository: string; digest: Digest }
  | { kind: 'upload'; repository: string }
  | { kind: 'referrers'; repository: string; digest: Digest }

/** @param path of the URL, decoded @param prefix that all paths have */
export function parseRoute(path: string, prefix: string): Route | Refusal {
  if (prefix === '' && path === '/') return { kind: 'page' }
  const [, explored, tag] = /^\/explore\/([^:]+):([^:/]+)$/.exec(prefix === '' ? path : '') ?? []
  if (explored !== undefined && tag !== undefined)
    return isRepository(explored) ? { kind: 'explorer', repository: explored, tag } : invalidName(explored)
  if (path === '/v2/' || path === '/v2') return { kind: 'version' }
  if (prefix === '' && path === '/v2/_catalog') return { kind: 'catalog' }
  const [, repository, verb, rest] = /^\/v2\/(.+)\/(tags|manifests|blobs|referrers)\/(.+)$/s.exec(path) ?? []
  if (repository === undefined || verb === undefined || rest === undefined)
    return { status: 404, code: 'UNSUPPORTED', message: 'no such page' }
  if (!isRepository(repository)) return invalidName(repository)
  if (verb === 'tags')
    return rest === 'list'
      ? { kind: 'tags', repository }
      : { status: 404, code: 'UNSUPPORTED', message: 'no such page' }
  if (verb === 'manifests') {
    if (isTag(rest) || isDigest(rest)) return { kind: 'manifest', repository, reference: rest }
    return rest.includes(':')
      ? invalidDigest(rest)
      : { status: 404, code: 'MANIFEST_INVALID', message: 'invalid tag' }
  }
  if (verb === 'blobs' && /^uploads(\/|$)/.test(rest)) return { kind: 'upload', repository }
  if (!isDigest(rest)) return invalidDigest(rest)
  return { kind: verb === 'blobs' ? 'blob' : 'referrers', repository, digest: rest }
}

function invalidName(name: string): Refusal {
  return {
    status: 400,
    code: 'NAME_INVALID',
    message: `invalid repository name ${JSON.stringify(name.slice(0, 80))}`,
  }
}

function invalidDigest(text: string): Refusal {
  return {
    status: 400,
    code: 'DIGEST_INVALID',
    message: `invalid digest ${JSON.stringify(text.slice(0, 80))}`,
  }
}
