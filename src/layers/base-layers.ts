/** The members of a base image's archive that are its layers. */
import { ImageError } from '../errors.js'
import type { Member } from '../model/member.js'
import type { Range } from '../model/recipe.js'
import { trimSlashes } from '../python/paths.js'
import { TYPE } from '../tar/header.js'
import { type IndexedMember, type MemberTable, shorten, targetPath } from './member-table.js'

/** A layer's member and where its data lies. */
interface FoundLayer {
  member: Member
  range: Range
}

/** What links lead to, as far as it is known: each is followed once, however many layers lead through it. */
export type Resolved = Map<IndexedMember, IndexedMember>

/** @param name as `manifest.json` has it @throws ImageError IMAGE_INVALID when it leads to no plain file */
export function findLayer(members: MemberTable, name: string, resolved: Resolved): FoundLayer {
  const member = members.get(trimSlashes(name))
  if (member === undefined)
    throw invalid(`expected the layer "${shorten(name)}" that manifest.json lists, found no such member`)
  const file = followLinks(members, member, resolved)
  expectPlainFile(file, name)
  const { dataOffset: _, ...plain } = member
  return { member: plain, range: { offset: file.dataOffset, size: file.size } }
}

/** A layer may be a link to another member, as `docker save` wrote them before version 25. */
function followLinks(members: MemberTable, layer: IndexedMember, resolved: Resolved): IndexedMember {
  const seen = new Set<IndexedMember>()
  let member = layer
  while (member.type === TYPE.symlink || member.type === TYPE.link) {
    if (seen.has(member))
      throw invalid(`layer "${shorten(layer.name)}": expected a file, found a loop of links`)
    seen.add(member)
    if (member.size > 0)
      throw invalid(
        `layer "${shorten(layer.name)}": expected a link without data, found ${member.size} bytes`,
      )
    const target: IndexedMember | undefined = resolved.get(member) ?? members.target(member)
    if (target === undefined)
      throw invalid(
        `layer "${shorten(layer.name)}": expected its link target "${shorten(targetPath(member))}", found no such member`,
      )
    member = target
  }
  for (const link of seen) resolved.set(link, member)
  return member
}

function expectPlainFile(file: IndexedMember, name: string): void {
  if (['3', '4', '5', '6'].includes(file.type))
    throw invalid(`layer "${shorten(name)}": expected a file, found type "${file.type}"`)
  if (file.type === 'S' || [...(file.pax?.keys() ?? [])].some((key) => key.startsWith('GNU.sparse.')))
    throw invalid(`layer "${shorten(name)}": expected a plain file, found one stored as a GNU sparse file`)
}

function invalid(message: string): ImageError {
  return new ImageError('IMAGE_INVALID', message)
}
