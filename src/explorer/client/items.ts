/** The image as a tree: layers, what is in them, directories. Each has bytes, and children with the most first. */
import type { DirectoryData, ExplorerData, LayerData, ThingData } from '../data.js'
import { shortName } from './words.js'

export interface Item {
  kind: 'image' | 'layer' | 'path' | 'directory' | 'rest'
  /** As it is labelled. */
  name: string
  /** As it is called in full. */
  full: string
  bytes: number
  members: number | undefined
  /** From 1; 0 for the image. */
  layer: number
  /** Of a store path, its place among the paths. */
  path: number | undefined
  parent: Item | undefined
  children: readonly Item[]
}

export function imageItem(data: ExplorerData): Item {
  const image: Item = {
    ...{ kind: 'image', name: data.image, full: data.image, bytes: 0, members: undefined },
    ...{ layer: 0, path: undefined, parent: undefined, children: [] },
  }
  image.children = byBytes(data.layers.map((layer, i) => layerItem(layer, i + 1, image, data)))
  image.bytes = total(image.children)
  return image
}

function layerItem(layer: LayerData, number: number, parent: Item, data: ExplorerData): Item {
  const { things, size, blob, diffId, more } = layer
  const item: Item = {
    ...{ kind: 'layer', name: `layer ${number}`, full: diffId, bytes: 0, members: undefined },
    ...{ layer: number, path: undefined, parent, children: [] },
  }
  const known = things.flatMap(([thing, bytes, members, directories]) =>
    bytes === null ? [] : [thingItem([thing, bytes, members, directories ?? []], item, data)],
  )
  if (more !== undefined) known.push(rest(`${more[0]} more`, more[1], item))
  item.children = byBytes(known)
  item.bytes = known.length === things.length && known.length > 0 ? total(known) : (size ?? blob ?? 0)
  // Of a layer whose only thing is large its name says more than its number.
  const [first] = item.children
  if (first !== undefined) item.name += `: ${first.name}${known.length > 1 ? ' …' : ''}`
  else if (things[0] !== undefined) item.name += `: ${shortName(nameOf(things[0], data))}`
  return item
}

export function nameOf([thing]: ThingData, { paths }: ExplorerData): string {
  return typeof thing === 'number' ? paths[thing]! : thing
}

function thingItem(thing: ThingData, parent: Item, data: ExplorerData): Item {
  const [path, bytes, members, directories] = thing
  const name = nameOf(thing, data)
  const isStorePath = typeof path === 'number'
  const item: Item = {
    ...{ kind: isStorePath ? 'path' : 'directory', bytes: bytes ?? 0, members: members ?? undefined },
    name: isStorePath ? shortName(name) : name,
    full: isStorePath ? `${data.storeDir}/${name}` : name,
    ...{ layer: parent.layer, path: isStorePath ? path : undefined, parent, children: [] },
  }
  item.children = below(item, directories ?? [])
  return item
}

function below(parent: Item, directories: readonly DirectoryData[]): Item[] {
  if (directories.length === 0) return []
  const items = directories.map(([name, bytes, members, more]): Item => {
    const full = `${parent.full === '/' ? '' : parent.full}/${name}`
    const place = { layer: parent.layer, path: parent.path, parent, children: [] }
    const item: Item = { kind: 'directory', name, full, bytes, members, ...place }
    item.children = below(item, more ?? [])
    return item
  })
  const left = parent.bytes - total(items)
  if (left > 0) items.push(rest('files and small directories', left, parent))
  return byBytes(items)
}

function rest(name: string, bytes: number, parent: Item): Item {
  const place = { layer: parent.layer, path: parent.path, parent, children: [] }
  return { kind: 'rest', name, full: `${parent.full}: ${name}`, bytes, members: undefined, ...place }
}

function total(items: readonly Item[]): number {
  return items.reduce((sum, { bytes }) => sum + bytes, 0)
}

function byBytes(items: readonly Item[]): Item[] {
  return [...items].sort((a, b) => b.bytes - a.bytes)
}

/** What is shown in an item's place: where there is only one thing in it, and something in that, the thing. */
export function insideOf(item: Item): Item {
  const [only, ...others] = item.children
  return only === undefined || others.length > 0 || only.children.length === 0 ? item : insideOf(only)
}

/** What an item is shown in. */
export function outsideOf({ parent }: Item): Item | undefined {
  return parent !== undefined && insideOf(parent) !== parent ? outsideOf(parent) : parent
}

/** Those above an item, the image first, and itself. */
export function trailOf(item: Item): Item[] {
  return [...(item.parent === undefined ? [] : trailOf(item.parent)), item]
}
