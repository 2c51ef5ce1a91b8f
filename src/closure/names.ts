/** What an image is called. */
import { ImageError } from '../errors.js'
import { isRepository, isTag, parseReference } from '../registry/reference.js'

/**
 * @param asked `NAME[:TAG]`, with or without a host; undefined: as the store path is called
 * @returns `NAME:TAG` @throws ImageError OPTION_INVALID for what no engine takes
 */
export function imageName(asked: string | undefined, path: string): string {
  const name = asked ?? path.slice(path.lastIndexOf('/') + 1).replace(/^[^-]*-/, '')
  const [, repository = '', tag = 'latest'] = /^(.*?)(?::([^/:]*))?$/s.exec(name) ?? []
  if ((isRepository(repository) || parseReference(name) !== undefined) && isTag(tag))
    return `${repository}:${tag}`
  throw new ImageError(
    'OPTION_INVALID',
    `-t: expected NAME[:TAG] as engines take it, found ${JSON.stringify(name)}`,
    { hint: 'names are in lower case, as in app:1.0' },
  )
}

/** As Go names processors, and so images. */
const ARCHITECTURES: Record<string, string> = {
  x64: 'amd64',
  x86_64: 'amd64',
  aarch64: 'arm64',
  ia32: '386',
  i686: '386',
  armv7l: 'arm',
}

/** @param asked as Go, Nix or Node names it; undefined: this machine's */
export function architecture(asked: string | undefined): string {
  const name = asked ?? process.arch
  if (!/^[a-z0-9_]+$/.test(name))
    throw new ImageError(
      'OPTION_INVALID',
      `--arch: expected a name such as amd64, found ${JSON.stringify(name)}`,
    )
  return ARCHITECTURES[name] ?? name
}
