/** All that a comparison tells, a line for each difference. */
import type { ImageDiff, LayerChange, PathChange } from '../../src/comparison/result.js'

export function leavesOf(diff: ImageDiff): string[] {
  return [
    ...diff.names.removed.map((name) => `name -${name}`),
    ...diff.names.added.map((name) => `name +${name}`),
    ...diff.config.map(({ key, what }) => `config ${key}${what === undefined ? '' : ` ${what}`}`),
    ...diff.layers.flatMap(ofLayer),
    ...diff.everywhere.map(
      ({ field, cause }) => `everywhere ${field}${cause === undefined ? '' : `: ${cause}`}`,
    ),
  ]
}

function ofLayer({ change, paths, isReordered, differsAt, unreadable }: LayerChange): string[] {
  const unread = unreadable === undefined ? [] : ['unreadable']
  // What is in a layer that only one image has is the layer's.
  if (change !== 'changed') return [`layer ${change}`, ...unread]
  return [
    ...(isReordered ? ['layer order'] : []),
    ...(differsAt === undefined ? [] : [`bytes ${differsAt.where}`]),
    ...unread,
    ...paths.flatMap(ofPath),
  ]
}

function ofPath({ change, from, to, differing, mentions, causes, isReordered }: PathChange): string[] {
  return [
    ...(change === 'changed' ? [] : [`path ${change} ${to ?? from}`]),
    ...(isReordered ? [`order ${to}`] : []),
    ...(causes === undefined ? [] : causes.map((cause) => `because of ${cause}: ${to}`)),
    ...(mentions !== undefined && causes === undefined ? [`mentions ${to}`] : []),
    ...differing.flatMap(({ change, name, fields }) =>
      change === 'changed'
        ? fields.map(({ field }) => `${field} ${name.replace(/\/$/, '')}`)
        : [`member ${change} ${name}`],
    ),
  ]
}
