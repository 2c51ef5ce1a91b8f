/** Names of members in an archive, as those see them who unpack it. */
import { ImageError } from '../errors.js'
import { shorten, targetPath } from '../layers/member-table.js'
import type { Digest } from '../model/digest.js'
import type { Member } from '../model/member.js'
import { normalisePath } from '../python/paths.js'
import { TYPE } from '../tar/header.js'

export interface NamedLayer {
  diffId: Digest
  member: Member
}

/**
 * Whoever unpacks an archive keeps one member of a name. So two layers of one name must be the same, none may take the
 * place of a document, and a layer that is a link must lead to one that is the same.
 * @param documents the names of the other members
 * @throws ImageError BASE_INVALID, since only a base names its layers otherwise than by their digests
 */
export function expectOwnNames(layers: readonly NamedLayer[], documents: readonly string[]): void {
  const byPlace = new Map<string, NamedLayer>()
  const taken = new Set(documents.map(placeOf))
  for (const layer of layers) {
    const { name } = layer.member
    const place = placeOf(name)
    if (taken.has(place)) throw invalid(`layers beside "${shorten(name)}"`, 'one of that name')
    const other = byPlace.get(place)
    if (other !== undefined && other.diffId !== layer.diffId)
      throw invalid('layers with names of their own', `two that are called "${shorten(name)}"`)
    byPlace.set(place, layer)
  }
  for (const { member, diffId } of layers) {
    if (member.type !== TYPE.symlink && member.type !== TYPE.link) continue
    const target = targetPath(member)
    if (byPlace.get(placeOf(target))?.diffId !== diffId)
      throw invalid(
        `the layer "${shorten(member.name)}" to lead to a layer that is the same`,
        `that it leads to "${shorten(target)}"`,
      )
  }
}

/** Absolute names, too, are put below where an archive is unpacked. */
function placeOf(name: string): string {
  return normalisePath(`/./${name}`)
}

function invalid(expected: string, found: string): ImageError {
  return new ImageError('BASE_INVALID', `base image: expected ${expected}, found ${found}`, {
    hint: 'save the base again with skopeo or podman, or write to an image layout, where layers have no names',
  })
}
