/** What people write in place of a destination of ours, and how it is written here. */
import { existsSync } from 'node:fs'
import { dirname } from 'node:path'
import { parseReference } from '../registry/reference.js'

/** What other tools have before the colon, or people from the name of a program. */
const OTHERS: Record<string, string> = {
  dir: 'oci:DIR for a directory of blobs',
  registry: 'docker://HOST/REPOSITORY[:TAG]',
  'oci-layout': 'oci:DIR[:TAG]',
  tarball: 'docker-archive:FILE',
  daemon: 'docker-daemon:[NAME[:TAG]]',
  podman: 'containers-storage:[NAME[:TAG]]',
  buildah: 'containers-storage:[NAME[:TAG]]',
  crio: 'containers-storage:[NAME[:TAG]]',
  nerdctl: 'containerd:[NAME[:TAG]]',
  ctr: 'containerd:[NAME[:TAG]]',
  http: 'docker://HOST/REPOSITORY[:TAG], with --plain-http',
  https: 'docker://HOST/REPOSITORY[:TAG]',
}

/**
 * @param name as it was written @param ours the syntax of each scheme
 * @returns how it is meant to be written; undefined for the name of a file, as far as can be told
 */
export function foreign(name: string, ours: ReadonlyMap<string, string>): string | undefined {
  const bare = ours.get(name)
  if (bare !== undefined) return bare
  const [, scheme = '', address = ''] = /^([a-z][a-z0-9+-]*):(.*)$/s.exec(name) ?? []
  if (ours.has(scheme)) return scheme === 'docker' && isImage(address) ? `docker://${address}` : undefined
  if (isImage(name)) return `docker://${name}`
  return OTHERS[scheme]
}

/** `HOST/REPOSITORY[:TAG]` whose host is one at first sight, where no directory is called so. */
function isImage(text: string): boolean {
  const [, host = '', rest = ''] = /^([^/]+)\/(.+)$/s.exec(text) ?? []
  const looksLikeHost = /^localhost$|^[A-Za-z0-9.-]+:\d+$|^[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+$/.test(host)
  return looksLikeHost && rest !== '' && parseReference(text) !== undefined && !existsSync(dirname(text))
}
