/** A layer's archive read once, member by member, with its digest; what is no archive is told, not thrown. */
import { ImageError } from '../errors.js'
import type { Recipe } from '../model/recipe.js'
import { MemberReader, type MemberVisitor } from '../tar/member-reader.js'
import { type Checksum, DigestSink } from './checksum.js'
import { TooMany } from './groups.js'
import { writeRecipes } from './recipes.js'

export interface ReadMembers extends Checksum {
  /** Where the last member ends, in bytes from the archive's start. */
  end: number
  /** Why the archive is read no further, where something in it is no member: `at byte 512: expected …`. */
  problem?: string
}

/**
 * @param behind takes what stands behind the last member, and where that begins, in bytes from its end on
 * @throws ImageError as {@link writeRecipes}; TooMany
 */
export async function readMembers(
  recipe: Recipe,
  visitor: MemberVisitor,
  behind: (bytes: Buffer, at: number) => void = () => {},
): Promise<ReadMembers> {
  const reader = new MemberReader(visitor)
  const digest = new DigestSink()
  let problem: string | undefined
  const attempt = (read: () => void): void => {
    if (problem !== undefined) return
    try {
      read()
    } catch (error) {
      if (!(error instanceof ImageError) || error instanceof TooMany) throw error
      problem = error.message
    }
  }
  const buffer = digest.lend()
  await writeRecipes([recipe], {
    lend: () => buffer,
    accept: (used) => {
      const bytes = buffer.subarray(0, used)
      attempt(() => reader.accept(bytes))
      if (reader.isAtEnd) behind(bytes, digest.size - reader.start)
      digest.accept(used)
    },
  })
  attempt(() => reader.finish())
  const sum = { diffId: digest.digest(), size: digest.size, end: reader.start }
  return problem === undefined ? sum : { ...sum, problem }
}
