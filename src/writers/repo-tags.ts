import { ImageError } from '../errors.js'
import type { Destination } from '../model/destination.js'
import { repoTagProblem } from '../registry/repo-tag.js'
import type { WriteContext } from './written.js'

/**
 * The script writes any tag into its archive; so it is streamed, too, with a warning.
 * @throws ImageError OPTION_INVALID for one that goes into a file, or was asked for
 */
export function checkRepoTag(
  tag: string,
  isAsked: boolean,
  { destinations, emit }: Pick<WriteContext, 'destinations' | 'emit'>,
): void {
  const message = repoTagProblem(tag)
  if (message === undefined) return
  const goes = (shape: Destination['shape']): boolean => destinations.some((it) => it.shape === shape)
  if (goes('at-offsets') || (isAsked && goes('by-digest')))
    throw new ImageError('OPTION_INVALID', message, { hint: 'name it with -t NAME:TAG' })
  if (goes('in-order')) emit({ type: 'warning', message })
}
