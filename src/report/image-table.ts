/** The facts of an image as lines for people; names in them do nothing to a terminal. */
import type { ImageFacts, LayerFacts, PathFacts, SharedFacts, Totals } from '../inspection/facts.js'
import { printable } from './log.js'
import { amount } from './words.js'

/** Of one layer; those with the most in them are shown. */
const MOST_PATHS = 12

/** @param columns what the terminal has; undefined: lines are as long as they are */
export function imageTable(facts: ImageFacts, columns: number | undefined): string[] {
  const lines = [...heading(facts), '', ...layerTable(facts), ...(facts.shared ?? []).flatMap(sharedLines)]
  return lines.map((line) => cut(printable(line), columns))
}

function heading({
  image,
  names,
  platform,
  imageId,
  manifest,
  created,
  config,
  totals,
}: ImageFacts): string[] {
  const { os, architecture, variant } = platform
  const rows: [string, string | undefined][] = [
    ['names', names.join(', ')],
    ['platform', [os, architecture, variant].filter((part) => part !== undefined).join('/')],
    ['image ID', imageId],
    ['manifest', manifest && `${manifest.digest}, ${manifest.mediaType}`],
    ['created', created],
    ...configRows(config),
    ['layers', sums(totals)],
    ['contents', contents(totals)],
  ]
  const shown = rows.filter(([, value]) => value !== undefined && value !== '')
  return [image, ...shown.map(([name, value]) => `  ${name.padEnd(10)}  ${value}`)]
}

/** What people ask for first; `--json` has all of it. */
const CONFIG_KEYS: readonly [string, string][] = [
  ['Entrypoint', 'entrypoint'],
  ['Cmd', 'command'],
  ['WorkingDir', 'directory'],
  ['User', 'user'],
  ['Env', 'env'],
  ['ExposedPorts', 'ports'],
  ['Volumes', 'volumes'],
  ['Labels', 'labels'],
]

function configRows(config: unknown): [string, string][] {
  if (typeof config !== 'object' || config === null) return []
  const values = new Map<string, unknown>(Object.entries(config))
  return CONFIG_KEYS.flatMap(([key, name]): [string, string][] => {
    const value = values.get(key)
    if (key === 'Env' || key === 'Labels')
      return pairs(value).map((text, i): [string, string] => [i === 0 ? name : '', text])
    return [[name, words(value)]]
  })
}

function pairs(value: unknown): string[] {
  if (Array.isArray(value)) return value.map(String)
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).map(([key, text]) => `${key}=${text}`)
}

function words(value: unknown): string {
  if (Array.isArray(value)) return value.map(word).join(' ')
  if (typeof value === 'object' && value !== null) return Object.keys(value).join(' ')
  return typeof value === 'string' ? value : ''
}

/** As a shell has it. */
function word(text: unknown): string {
  const plain = String(text)
  return /^[\w@%+=:,./-]+$/.test(plain) ? plain : `'${plain.replaceAll("'", `'\\''`)}'`
}

function sums({ layers, size, blobSize }: Totals): string {
  return [
    `${layers}`,
    size !== undefined && amount(size),
    blobSize !== undefined && `${amount(blobSize)} as blobs`,
  ]
    .filter((part) => part !== false)
    .join(', ')
}

function contents({ storePaths, members, bytes }: Totals): string {
  const paths = `${storePaths} store ${storePaths === 1 ? 'path' : 'paths'}`
  return members === undefined || bytes === undefined
    ? paths
    : `${paths}, ${members} members, ${amount(bytes)} in files`
}

const HEAD = ['layer', 'archive', 'blob', 'files', 'members', '']

function layerTable({ layers }: ImageFacts): string[] {
  const rows = [HEAD, ...layers.flatMap(layerRows)]
  // A column that nothing is known of is left out.
  const used = HEAD.map((_, i) => i === 0 || rows.slice(1).some((row) => row[i] !== ''))
  const widths = HEAD.map((_, i) => rows.reduce((width, row) => Math.max(width, row[i]!.length), 0))
  const last = HEAD.length - 1
  return rows.map((row) =>
    row
      .map((cell, i) => (i === last ? cell : cell.padStart(widths[i]!)))
      .filter((_, i) => used[i])
      .join('  ')
      .trimEnd(),
  )
}

function layerRows(layer: LayerFacts): string[][] {
  const { number, size, blob } = layer
  const things = [...layer.storePaths, ...layer.others.filter(isOfInterest)].sort(
    (a, b) => (b.bytes ?? 0) - (a.bytes ?? 0),
  )
  const shown = things.length > MOST_PATHS + 1 ? things.slice(0, MOST_PATHS) : things
  const rows = shown.map(({ path, bytes, members }: PathFacts) => [
    bytes === undefined ? '' : amount(bytes),
    members === undefined ? '' : `${members}`,
    path,
  ])
  if (rows.length === 0) rows.push(['', '', whatElse(layer)])
  if (shown.length < things.length) rows.push(['', '', `… and ${things.length - shown.length} more`])
  if (layer.problem !== undefined) rows.push(['', '', `read no further: ${layer.problem}`])
  const first = [
    `${number}`,
    size === undefined ? '' : amount(size),
    blob === undefined ? '' : amount(blob.size),
  ]
  return rows.map((row, i) => [...(i === 0 ? first : ['', '', '']), ...row])
}

/** Not the directories above store paths, which every layer has. */
function isOfInterest({ path, bytes }: PathFacts): boolean {
  return path !== '/' || bytes !== 0
}

/** Of a layer that has nothing in it, or was not read. */
function whatElse({ history, diffId, source, size }: LayerFacts): string {
  if (source.kind === 'customisation') return 'customisation layer, empty'
  return history?.createdBy ?? (size === undefined ? diffId : 'empty')
}

function sharedLines({ image, of, layers, size, blobSize }: SharedFacts): string[] {
  const bytes = size ?? blobSize
  const what = bytes === undefined ? '' : `, ${amount(bytes)}${size === undefined ? ' as blobs' : ''}`
  return ['', `shared with ${image}`, `  ${layers} layers${what}; it has ${of}`]
}

function cut(line: string, columns: number | undefined): string {
  if (columns === undefined || line.length <= columns) return line
  const characters = Array.from(line)
  return characters.length <= columns ? line : `${characters.slice(0, columns - 1).join('')}…`
}
