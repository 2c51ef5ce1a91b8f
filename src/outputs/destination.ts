/** Destinations by name, in the syntax that skopeo has (containers-transports(5)). */
import { ImageError } from '../errors.js'
import { parseReference, type RegistryReference } from '../registry/reference.js'

export type Destination =
  | { transport: 'docker-archive'; path: string }
  | { transport: 'oci' | 'oci-archive'; path: string; tag: string | undefined }
  | { transport: 'docker'; reference: RegistryReference }

const KNOWN =
  'docker-archive:FILE or FILE, oci-archive:FILE[:TAG], oci:DIR[:TAG] or docker://HOST/REPOSITORY[:TAG]'

/** @throws ImageError DESTINATION_INVALID */
export function parseDestination(text: string): Destination {
  const [, transport, rest] = /^([a-z][a-z0-9+-]*):(.*)$/s.exec(text) ?? [undefined, 'docker-archive', text]
  if (rest === '' || rest === undefined) throw invalid(text, 'no name')
  if (transport === 'docker-archive') return { transport, path: rest }
  if (transport === 'oci' || transport === 'oci-archive') {
    const [, path, tag] = /^([^:]+)(?::(.+))?$/s.exec(rest) ?? []
    if (path === undefined) throw invalid(text, 'no path')
    return { transport, path, tag }
  }
  if (transport === 'docker') {
    const reference = rest.startsWith('//') ? parseReference(rest.slice(2)) : undefined
    if (reference === undefined) throw invalid(text, 'no reference to an image by tag')
    return { transport, reference }
  }
  throw invalid(text, `the transport "${transport}"`, `for a file of that name write ./${text}`)
}

function invalid(text: string, found: string, hint?: string): ImageError {
  return new ImageError('DESTINATION_INVALID', `output "${text}": expected ${KNOWN}, found ${found}`, {
    hint,
  })
}
