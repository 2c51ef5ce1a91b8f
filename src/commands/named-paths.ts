import type { NamedPath } from '../files/apart.js'
import { namedPath } from '../transports/transport.js'
import { parsePlace } from '../transports.js'

/** What images and configurations are on this machine, where they are files or directories. */
export function namedPaths(names: readonly string[]): NamedPath[] {
  return names.flatMap((name): NamedPath[] => {
    if (name === '-') return []
    if (!/^[a-z][a-z0-9+-]*:/.test(name)) return [{ name, path: name }]
    return namedPath(parsePlace(name))
  })
}
