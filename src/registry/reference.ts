/** Names of images in registries, as the distribution project's reference grammar has them. */

export interface RegistryReference {
  /** Host and, if any, port: `registry.example:5000`. */
  host: string
  repository: string
  tag: string
}

const REPOSITORY = /^[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*$/
const TAG = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/
const DIGEST = /^sha256:[0-9a-f]{64}$/
const HOST = /^(?:\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]+)(?::\d{1,5})?$/

/**
 * @param text `[HOST/]REPOSITORY[:TAG]`; without a host it is Docker Hub's, without a tag it is `latest`
 * @returns undefined when the text is no such reference
 */
export function parseReference(text: string): RegistryReference | undefined {
  const [, first = '', rest] = /^([^/]*)\/(.*)$/s.exec(text) ?? [undefined, undefined, undefined]
  const hasHost = first === 'localhost' || first.includes('.') || first.includes(':')
  const host = hasHost ? first : 'docker.io'
  const path = hasHost ? (rest ?? '') : text
  const [, name = '', tag = 'latest'] = /^([^:@]*)(?::([^:@]*))?$/.exec(path) ?? []
  const repository = host === 'docker.io' && name !== '' && !name.includes('/') ? `library/${name}` : name
  if (!HOST.test(host) || !REPOSITORY.test(repository) || !TAG.test(tag)) return undefined
  return { host, repository, tag }
}

/** Where the registry of that name answers. */
export function apiHost(host: string): string {
  return host === 'docker.io' ? 'registry-1.docker.io' : host
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
 * @param text a tag or digest in the repository of `here`, or `[docker://]HOST/REPOSITORY[:TAG]` in its registry
 * @returns undefined when the text is none of them
 */
export function parseOtherImage(text: string, here: RegistryReference): OtherImage | undefined {
  if (TAG.test(text) || DIGEST.test(text)) return { repository: here.repository, reference: text }
  const there = text.includes('/') ? parseReference(text.replace(/^docker:\/\//, '')) : undefined
  return there?.host === here.host ? { repository: there.repository, reference: there.tag } : undefined
}
