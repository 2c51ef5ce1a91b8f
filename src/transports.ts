/** The table of transports, in the syntax that skopeo has (containers-transports(5)). */
import { ImageError } from './errors.js'
import { withoutUserinfo } from './registry/reference.js'
import { containerd } from './transports/containerd.js'
import { containersStorage } from './transports/containers-storage.js'
import { docker } from './transports/docker.js'
import { dockerArchive } from './transports/docker-archive.js'
import { dockerDaemon } from './transports/docker-daemon.js'
import { foreign } from './transports/foreign.js'
import { oci } from './transports/oci.js'
import { ociArchive } from './transports/oci-archive.js'
import type { Place, Transport } from './transports/transport.js'

const TRANSPORTS: readonly Transport[] = [
  dockerArchive,
  oci,
  ociArchive,
  docker,
  dockerDaemon,
  containersStorage,
  containerd,
]

/** A name without a scheme is a file's. */
const DEFAULT = dockerArchive

const SYNTAXES = new Map(TRANSPORTS.map(({ scheme, syntax }) => [scheme, syntax]))

/** How destinations and images are named, for help and messages. */
export const SYNTAX = `FILE, ${TRANSPORTS.map(({ syntax }) => syntax).join(', ')}`

/**
 * @param name as a person writes it: `oci:dir:tag`
 * @throws ImageError DESTINATION_INVALID
 */
export function parsePlace(name: string): Place {
  const [, scheme, address] = /^([a-z][a-z0-9+-]*):(.*)$/s.exec(name) ?? [undefined, undefined, name]
  const shown = withoutUserinfo(name)
  const transport = scheme === undefined ? DEFAULT : TRANSPORTS.find((it) => it.scheme === scheme)
  const meant = foreign(name, SYNTAXES)
  const hint = `${meant === undefined ? '' : `here it is ${meant}; `}for a file of that name write ./${shown}`
  if (transport === undefined || address === undefined || (scheme === undefined && meant !== undefined)) {
    const found = scheme === undefined ? 'none of them' : `the transport "${scheme}"`
    throw new ImageError('DESTINATION_INVALID', `"${shown}": expected ${SYNTAX}, found ${found}`, { hint })
  }
  const place = transport.parse(address, name)
  if (typeof place === 'string')
    throw new ImageError('DESTINATION_INVALID', `${place}: expected ${transport.syntax}`, {
      hint: meant && hint,
    })
  return place
}
