import { parseReference } from './reference.js'

/** As the distribution project's reference grammar bounds a name, host and all. */
const MAX_NAME = 255

/**
 * What is wrong with an entry of `RepoTags` in a docker-archive, in a few words; undefined where clients take it.
 * `docker load` wants a tag, and refuses the whole image for an entry that is none.
 */
export function repoTagProblem(text: string): string | undefined {
  const tag = text.replace(/@sha256:[0-9a-f]{64}$/, '')
  const reference = /:[^/]*$/.test(tag) ? parseReference(tag) : undefined
  if (reference !== undefined && `${reference.host}/${reference.repository}`.length <= MAX_NAME)
    return undefined
  return `the tag "${text}" is no NAME:TAG that clients take, with a name in lower case: docker load will refuse the image`
}
