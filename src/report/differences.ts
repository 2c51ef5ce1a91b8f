/** Differences of images as lines of text. */
import type {
  FieldChange,
  ImageDiff,
  LayerChange,
  MemberChange,
  PathChange,
  ValueChange,
} from '../comparison/result.js'
import { storeName } from '../comparison/store-names.js'
import { printable } from './log.js'
import { amount } from './words.js'

/** Members of a path that are listed; JSON has them all. */
const FEW = 20
/** What is shown of a value. */
const LONGEST = 200

/** Empty when there is no difference. */
export function differenceLines(diff: ImageDiff): string[] {
  if (diff.equal) return []
  const lines = [
    `--- ${diff.from.name} ${diff.from.imageId}`,
    `+++ ${diff.to.name} ${diff.to.imageId}`,
    ...diff.names.removed.map((name) => `- name ${name}`),
    ...diff.names.added.map((name) => `+ name ${name}`),
    ...diff.config.map(valueLine),
    ...diff.layers.flatMap(layerLines),
    ...becauseLines(diff.layers),
    ...diff.everywhere.map(
      ({ field, from, to, members, first, cause }) =>
        `  ${change({ field, from, to })} of ${members} members, from ${first} on${cause === undefined ? '' : `, as \`${cause}\` does`}`,
    ),
    ...(diff.unlisted === 0 ? [] : [`  and ${diff.unlisted} more`]),
    ...costLines(diff),
  ]
  return lines.map(printable)
}

function valueLine({ key, what, from, to }: ValueChange): string {
  const name = key === '' ? 'the config' : key
  if (what === 'order') return `  ${name}: another order`
  if (what === 'bytes') return `  ${name}: the same values, written otherwise`
  if (from === undefined) return `+ ${name}: ${value(to)}`
  return to === undefined ? `- ${name}: ${value(from)}` : `  ${name}: ${value(from)} -> ${value(to)}`
}

function layerLines(layer: LayerChange): string[] {
  const { change, from, to, paths, isReordered, differsAt, unreadable } = layer
  const number = from === undefined ? to!.number : from.number
  const where = from !== undefined && to !== undefined && from.number !== to.number ? ` -> ${to.number}` : ''
  return [
    `layer ${number}${where}: ${change}`,
    ...(isReordered ? ['  its paths stand in another order'] : []),
    ...(differsAt
      ? [`  the same members, other bytes from byte ${differsAt.offset} on, ${differsAt.where}`]
      : []),
    ...(unreadable ? [`  not read to its end: ${unreadable}`] : []),
    ...paths.filter(({ causes }) => causes === undefined).flatMap(pathLines),
  ]
}

function pathLines(path: PathChange): string[] {
  const { change, from, to, fromLayer, members, bytes, differing, mentions, isReordered, isTooLarge } = path
  const elsewhere = fromLayer === undefined ? '' : `, from layer ${fromLayer}`
  const sums =
    members === undefined
      ? ''
      : ` (${members === 1 ? '1 member' : `${members} members`}, ${amount(bytes ?? 0)})`
  const head = (): string => {
    if (change === 'added') return `  + ${to}${sums}`
    if (change === 'removed') return `  - ${from}${sums}`
    if (change === 'moved') return `    ${to}: the same${elsewhere}`
    return `  ${change === 'replaced' ? replaced(from!, to!) : `  ${to}`}${elsewhere}:`
  }
  const isAnother = change === 'replaced' && storeName(from!)?.name !== storeName(to!)?.name
  const listed = isAnother
    ? counts(differing)
    : [...differing.slice(0, FEW).map(memberLine), ...more(differing)]
  const lines = [
    ...listed,
    ...(isReordered ? ['      its members stand in another order'] : []),
    ...(isTooLarge ? ['      too much of it to compare member by member'] : []),
    ...(mentions === undefined ? [] : [`      also names of ${mentions.map(short).join(', ')}`]),
  ]
  if (change === 'replaced' && lines.length === 0) return [`${head()} nothing but its own name`]
  return [head(), ...lines]
}

/** `-openssl-3.0.13 +openssl-3.0.14`; of one name the hashes tell them apart. */
function replaced(from: string, to: string): string {
  const [a, b] = [storeName(from)!, storeName(to)!]
  return a.name === b.name ? `-${a.hash}-${a.name} +${b.hash}` : `-${a.name} +${b.name}`
}

function counts(differing: readonly MemberChange[]): string[] {
  const of = (kind: MemberChange['change']): number =>
    differing.filter(({ change }) => change === kind).length
  return differing.length === 0
    ? []
    : [`      members: ${of('removed')} removed, ${of('added')} added, ${of('changed')} changed`]
}

function more({ length }: readonly unknown[]): string[] {
  return length > FEW ? [`      and ${length - FEW} more members`] : []
}

function memberLine({ change: kind, name, fields }: MemberChange): string {
  if (kind !== 'changed') return `    ${kind === 'added' ? '+' : '-'} ${name}`
  return `      ${name}: ${fields.map(change).join('; ')}`
}

function change({ field, from, to, offset }: FieldChange): string {
  if (field === 'encoding') return 'another form of header, with the same fields'
  if (field === 'contents') {
    const sizes = from === to ? '' : ` (${from} -> ${to} bytes)`
    return `contents${offset === undefined ? '' : ` from byte ${offset} on`}${sizes}`
  }
  return `${field} ${value(from)} -> ${value(to)}`
}

/** Paths that differ because of others, by what began it. */
function becauseLines(layers: readonly LayerChange[]): string[] {
  const byCause = new Map<string, string[]>()
  for (const { to, causes } of layers.flatMap(({ paths }) => paths)) {
    if (causes === undefined) continue
    const key = causes.map(short).join(', ')
    byCause.set(key, [...(byCause.get(key) ?? []), short(to!)])
  }
  return [...byCause].map(
    ([cause, paths]) =>
      `  because of ${cause}: ${paths.length === 1 ? '1 store path differs' : `${paths.length} store paths differ`} in nothing but names of store paths: ${paths.slice(0, FEW).join(', ')}${paths.length > FEW ? ', …' : ''}`,
  )
}

function short(path: string): string {
  return storeName(path)?.name ?? path
}

function costLines({ costs: { registry, engine } }: ImageDiff): string[] {
  const layers = (count: number): string => (count === 1 ? '1 layer' : `${count} layers`)
  return [
    `a registry takes ${layers(registry.layers)}, ${amount(registry.bytes)}; Docker and podman ${layers(engine.layers)}, ${amount(engine.bytes)}`,
  ]
}

function value(of: unknown): string {
  const text = of === undefined ? 'none' : JSON.stringify(of)
  return text.length <= LONGEST ? text : `${text.slice(0, LONGEST)}…`
}
