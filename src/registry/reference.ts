/** Names of images in registries, as the distribution project's reference grammar has them. */
import { ImageError } from '../errors.js'
import { type Digest, isDigest } from '../model/digest.js'
import { brief } from './address.js'

/** An image by tag, by digest, or by both; then the digest tells which. */
export interface RegistryReference {
  /** Host and, if any, port: `registry.example:5000`. */
  host: string
  repository: string
  /** `latest` where the text names neither tag nor digest. */
  tag: string | undefined
  digest: Digest | undefined
}

const REPOSITORY = /^[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*$/
const TAG = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/
const HOST = /^(?:\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]+)(?::\d{1,5})?$/
/** Bytes of a repository's name with its host, as the grammar bounds it. */
const LONGEST_NAME = 255

/**
 * @param text `[HOST/]REPOSITORY[:TAG][@sha256:…]`; without a host it is Docker Hub's
 * @returns undefined when the text is no such reference
 */
export function parseReference(text: string): RegistryReference | undefined {
  const [, first = '', rest] = /^([^/]*)\/(.*)$/s.exec(text) ?? [undefined, undefined, undefined]
  const hasHost = first === 'localhost' || first.includes('.') || first.includes(':')
  const host = hasHost ? first : 'docker.io'
  const path = hasHost ? (rest ?? '') : text
  const [, name = '', givenTag, digest] = /^([^:@]*)(?::([^:@]*))?(?:@([^@]*))?$/.exec(path) ?? []
  const repository = host === 'docker.io' && name !== '' && !name.includes('/') ? `library/${name}` : name
  if (digest !== undefined && !isDigest(digest)) return undefined
  const tag = givenTag ?? (digest === undefined ? 'latest' : undefined)
  if (!isHost(host) || !isRepository(repository, host) || (tag !== undefined && !isTag(tag))) return undefined
  return { host, repository, tag, digest }
}

/** @param host counts for the name's length */
export function isRepository(text: string, host = ''): boolean {
  return REPOSITORY.test(text) && host.length + 1 + text.length <= LONGEST_NAME
}

/** @throws ImageError DESTINATION_INVALID unless it is a repository of the host, or nothing */
export function checkMountFrom(text: string | undefined, host: string): void {
  if (text === undefined || isRepository(text, host)) return
  throw new ImageError(
    'DESTINATION_INVALID',
    `expected a repository to mount from, found ${JSON.stringify(brief(text))}`,
  )
}

export function isTag(text: string): boolean {
  return TAG.test(text)
}

function isHost(host: string): boolean {
  return HOST.test(host) && URL.canParse(`https://${host}/`)
}

/** A name as messages may show it: what may be a user name and a password before the host is left out. */
export function withoutUserinfo(text: string): string {
  return text.replace(/^((?:docker:)?(?:.*?\/\/)?).*@(?!sha256:)/s, '$1***@')
}

/** Where the registry of that name answers. */
export function apiHost(host: string): string {
  return host === 'docker.io' || host === 'index.docker.io' ? 'registry-1.docker.io' : host
}

/** Whether the host is this machine: `localhost`, 127.0.0.0/8 or ::1. */
export function isLoopback(host: string): boolean {
  const name = host.replace(/:\d+$/, '')
  return name === 'localhost' || name === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(name)
}

/** An image that may be given in short beside another one's full name. */
export interface OtherImage {
  repository: string
  /** A tag, or `sha256:…`. */
  reference: string
}

/**
 * @param text a tag or digest in the repository of `here`, or `[docker://]HOST/REPOSITORY[:TAG][@DIGEST]` in its registry
 * @returns undefined when the text is none of them
 */
export function parseOtherImage(text: string, here: RegistryReference): OtherImage | undefined {
  if (isTag(text) || isDigest(text)) return { repository: here.repository, reference: text }
  const there = text.includes('/') ? parseReference(text.replace(/^docker:\/\//, '')) : undefined
  if (there?.host !== here.host) return undefined
  return { repository: there.repository, reference: (there.digest ?? there.tag)! }
}
