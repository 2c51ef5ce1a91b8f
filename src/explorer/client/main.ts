/** Puts the page together from the data that is in it. */
import type { ExplorerData, OtherData } from '../data.js'
import { Details } from './details.js'
import { el } from './dom.js'
import { type Item, imageItem } from './items.js'
import { References } from './references.js'
import { Search } from './search.js'
import { comparison, layersTable, repeatedTables } from './tables.js'
import { timeline } from './timeline.js'
import { Treemap } from './treemap.js'
import { amount, plural } from './words.js'

const data = JSON.parse(document.getElementById('data')!.textContent!) as ExplorerData
const root = imageItem(data)
const byPath = new Map<number, Item>()
for (const layer of root.children)
  for (const item of layer.children) if (item.path !== undefined) byPath.set(item.path, item)
/** Of what was not read, the layer that holds it. */
const holders = new Map<number, Item>()
for (const layer of root.children)
  for (const [thing] of data.layers[layer.layer - 1]!.things)
    if (typeof thing === 'number') holders.set(thing, layer)

let dimmed: OtherData | undefined
const showPath = (path: number): void => show(byPath.get(path) ?? holders.get(path) ?? root)
const details = new Details(data, root, new References(data.references), showPath)
const map = new Treemap(root, {
  select: (item) => details.show(item),
  isDimmed: ({ layer }) => dimmed?.shared.includes(layer) === true,
})

function show(item: Item): void {
  map.go(item, true)
  map.element.scrollIntoView({ block: 'nearest' })
}

const { layers, paths, others } = data
const sums = [amount(root.bytes), plural(layers.length, 'layer'), plural(paths.length, 'store path')]
document.body.append(
  el(
    'header',
    {},
    el('h1', {}, data.image),
    el('p', {}, sums.join(', ')),
    ...(paths.length > 0 ? [new Search(paths, showPath).element] : []),
  ),
  el(
    'main',
    {},
    el('div', { class: 'explorer' }, map.element, details.element),
    ...(others.length > 0
      ? [
          comparison(data, root, (other) => {
            dimmed = other
            map.draw()
          }),
        ]
      : []),
    layersTable(data, root, show),
    repeatedTables(data, showPath),
    ...(data.timeline === undefined ? [] : [timeline(data.timeline)]),
  ),
)
map.draw()
details.show(root)
