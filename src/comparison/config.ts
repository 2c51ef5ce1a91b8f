/** What differs between image configs (OCI image specification 1.1, "Image Configuration"), key by key. */
import { dumps, type Json, JsonNumber } from '../python/json.js'
import { longestRising } from './layer-order.js'
import type { ValueChange } from './result.js'

/** Where the layers of one history are in the other: pairs of indexes, and how far comments are explained by what layers hold. */
export interface HistoryPairs {
  pairs: readonly (readonly [number, number])[]
  /** How many layers there are. */
  layers: readonly [number, number]
  /** Whether what the comments of a pair list is what differs between these layers. */
  isExplained(pair: readonly [number, number], from: string, to: string): boolean
}

/** All but the diff IDs, which are the layers'. */
export function compareConfigs(from: Json, to: Json, history: HistoryPairs): ValueChange[] {
  const changes: ValueChange[] = []
  const [a, b] = [from, to].map((config) => (config instanceof Map ? config.get('history') : undefined))
  const hasHistories = Array.isArray(a) && Array.isArray(b)
  const [rest, others] = [from, to].map((config) => withoutLayers(config, hasHistories)) as [Json, Json]
  compare('', rest, others, changes)
  if (hasHistories) {
    const created = [from, to].map((config) => textOf((config as Map<string, Json>).get('created')))
    compareHistories(a, b, history, created, changes)
  }
  return changes
}

/** Keys keep their places. */
function withoutLayers(config: Json, hasHistory: boolean): Json {
  if (!(config instanceof Map)) return config
  const rest = new Map(config)
  if (hasHistory) rest.set('history', null)
  const rootfs = rest.get('rootfs')
  if (rootfs instanceof Map && rootfs.has('diff_ids'))
    rest.set('rootfs', new Map(rootfs).set('diff_ids', null))
  return rest
}

function compare(key: string, from: Json, to: Json, changes: ValueChange[]): void {
  if (from instanceof Map && to instanceof Map) {
    for (const name of new Set([...from.keys(), ...to.keys()]))
      compareKey(key === '' ? name : `${key}.${name}`, from.get(name), to.get(name), changes)
    if (isReordered([...from.keys()], [...to.keys()])) changes.push({ key, what: 'order' })
  } else if (textOf(from) !== textOf(to)) changes.push({ key, from: plain(from), to: plain(to) })
}

function compareKey(key: string, from: Json | undefined, to: Json | undefined, changes: ValueChange[]): void {
  if (from === undefined || to === undefined) {
    if (from !== to) changes.push({ key, ...side('from', from), ...side('to', to) })
  } else if (key === 'config.Env' && isEnv(from) && isEnv(to)) compareEnv(key, from, to, changes)
  else compare(key, from, to, changes)
}

/** Variables one by one; of several of one name each. */
function compareEnv(key: string, from: string[], to: string[], changes: ValueChange[]): void {
  const [before, after] = [from, to].map(variables) as [Map<string, string[]>, Map<string, string[]>]
  for (const name of new Set([...before.keys(), ...after.keys()])) {
    const [a, b] = [before.get(name) ?? [], after.get(name) ?? []]
    for (let i = 0; i < Math.max(a.length, b.length); i++)
      if (a[i] !== b[i]) changes.push({ key: `${key}.${name}`, ...side('from', a[i]), ...side('to', b[i]) })
  }
  if (isReordered([...before.keys()], [...after.keys()])) changes.push({ key, what: 'order' })
}

function variables(entries: string[]): Map<string, string[]> {
  const byName = new Map<string, string[]>()
  for (const entry of entries) {
    const at = entry.indexOf('=')
    const name = at < 0 ? entry : entry.slice(0, at)
    const value = at < 0 ? '' : entry.slice(at + 1)
    const known = byName.get(name)
    if (known === undefined) byName.set(name, [value])
    else known.push(value)
  }
  return byName
}

/** Entries of layers go with their layers, others in their order; what is of a layer that only one has is the layer's. */
function compareHistories(
  from: Json[],
  to: Json[],
  history: HistoryPairs,
  created: readonly string[],
  changes: ValueChange[],
): void {
  const [a, b] = [ofLayers(from), ofLayers(to)]
  if (a.layers.length !== history.layers[0] || b.layers.length !== history.layers[1]) {
    comparePairs(from, to, changes)
    return
  }
  for (const pair of history.pairs) {
    const [i, j] = [a.layers[pair[0]]!, b.layers[pair[1]]!]
    compareEntries(`history[${j}]`, from[i]!, to[j]!, { pair, created, history }, changes)
  }
  const entries = (list: Json[], places: number[]) => places.map((i) => list[i]!)
  comparePairs(entries(from, a.others), entries(to, b.others), changes, [a.others, b.others])
}

/** By their place. @param places in the whole histories */
function comparePairs(from: Json[], to: Json[], changes: ValueChange[], places: number[][] = []): void {
  const [before = [], after = []] = places
  for (let i = 0; i < Math.max(from.length, to.length); i++)
    compareKey(`history[${after[i] ?? before[i] ?? i}]`, from[i], to[i], changes)
}

interface Explained {
  pair: readonly [number, number]
  /** Of the images: of entries it is often the same, and then no difference of its own. */
  created: readonly string[]
  history: HistoryPairs
}

function compareEntries(
  key: string,
  from: Json,
  to: Json,
  explained: Explained,
  changes: ValueChange[],
): void {
  const found: ValueChange[] = []
  compare(key, from, to, found)
  if (!(from instanceof Map && to instanceof Map)) {
    changes.push(...found)
    return
  }
  const [createdFrom, createdTo] = explained.created
  const [a, b] = [from.get('comment'), to.get('comment')]
  for (const change of found) {
    const isImages =
      change.key === `${key}.created` &&
      createdFrom !== createdTo &&
      textOf(from.get('created')) === createdFrom &&
      textOf(to.get('created')) === createdTo
    const isLayers =
      change.key === `${key}.comment` &&
      typeof a === 'string' &&
      typeof b === 'string' &&
      explained.history.isExplained(explained.pair, a, b)
    if (!isImages && !isLayers) changes.push(change)
  }
}

/** Indexes of the entries of layers, and of others. */
function ofLayers(history: Json[]): { layers: number[]; others: number[] } {
  const layers: number[] = []
  const others: number[] = []
  for (const [i, entry] of history.entries())
    (entry instanceof Map && entry.get('empty_layer') === true ? others : layers).push(i)
  return { layers, others }
}

/** Whether what both have stands in another order. */
export function isReordered(from: readonly string[], to: readonly string[]): boolean {
  const places = new Map(to.map((name, i) => [name, i]))
  const common = from.flatMap((name) => places.get(name) ?? [])
  return longestRising(common).size < common.length
}

function isEnv(value: Json): value is string[] {
  return Array.isArray(value) && value.every((entry) => typeof entry === 'string')
}

function side(name: 'from' | 'to', value: Json | undefined): object {
  return value === undefined ? {} : { [name]: plain(value) }
}

/** One text for equal values. */
function textOf(value: Json | undefined): string {
  return value === undefined ? '' : dumps(value)
}

/** For who reads JSON: numbers that JavaScript has not stay what they are. */
function plain(value: Json): unknown {
  if (value instanceof JsonNumber) {
    const number = Number(value.text)
    return String(number) === value.text ? number : value.text
  }
  if (value instanceof Map) return Object.fromEntries([...value].map(([key, item]) => [key, plain(item)]))
  return Array.isArray(value) ? value.map(plain) : value
}
