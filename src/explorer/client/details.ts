/** What is said of the item that was chosen, and for a store path what is around it. */
import type { ExplorerData } from '../data.js'
import { button, el } from './dom.js'
import { type Item, nameOf } from './items.js'
import type { References } from './references.js'
import { amount, percent, plural, shortName } from './words.js'

/** Of a list, those that are shown. */
const MOST = 100

export class Details {
  readonly element = el('aside', { class: 'details', 'aria-label': 'What is chosen' })

  constructor(
    private readonly data: ExplorerData,
    private readonly root: Item,
    private readonly references: References,
    private readonly showPath: (path: number) => void,
  ) {}

  show(item: Item): void {
    const { kind } = item
    const about = kind === 'layer' ? this.onlyPathOf(item) : kind === 'path' ? item.path : undefined
    const title = kind === 'layer' ? `Layer ${item.layer}` : kind === 'image' ? 'The image' : item.name
    const rows = el('dl', { class: 'facts' })
    for (const [name, value] of this.rows(item))
      rows.append(el('div', {}, el('dt', {}, name), el('dd', {}, value)))
    this.element.replaceChildren(
      el('h2', { 'aria-live': 'polite' }, title),
      rows,
      ...(kind === 'layer' ? this.unread(item) : []),
      ...(about === undefined ? [] : this.graph(about)),
    )
  }

  private rows(item: Item): [string, string][] {
    const { kind, full, bytes, members, layer, path } = item
    const { layers, repeated } = this.data
    const rows: [string, string][] = []
    if (kind === 'image')
      rows.push(...this.data.about.map(([name, value]): [string, string] => [name, value]))
    else rows.push([kind === 'layer' ? 'diff ID' : 'path', full])
    rows.push([
      'bytes',
      `${amount(bytes)}${item === this.root ? '' : `, ${percent(bytes, this.root.bytes)} of the image`}`,
    ])
    if (members !== undefined) rows.push(['members', members.toLocaleString('en')])
    if (kind === 'image')
      rows.push(['layers', `${layers.length}`], ['store paths', this.data.paths.length.toLocaleString('en')])
    else if (kind === 'layer') {
      const { size, blob, by, problem, things } = layers[layer - 1]!
      if (size !== undefined) rows.push(['archive', amount(size)])
      if (blob !== undefined) rows.push(['blob', amount(blob)])
      rows.push(['holds', plural(things.length, 'path')])
      if (by !== undefined) rows.push(['made by', by])
      if (problem !== undefined) rows.push(['read no further', problem])
      for (const { image, shared } of this.data.others)
        rows.push(['compared', `${shared.includes(layer) ? 'also in' : 'not in'} ${image}`])
    } else rows.push(['layer', `${layer}`])
    const again = kind === 'path' ? repeated.find((it) => it.path === path) : undefined
    if (again !== undefined)
      rows.push(['also in', `layers ${again.layers.filter((it) => it !== layer).join(', ')}`])
    return rows
  }

  /** What is in a layer that has no map. */
  private unread({ layer, children }: Item): HTMLElement[] {
    const { things } = this.data.layers[layer - 1]!
    if (children.length > 0 || things.length === 0) return []
    const note = el('p', { class: 'note' }, 'Sizes are not known: the layer was not read.')
    const list = el('ul', { class: 'names' })
    for (const thing of things.slice(0, MOST)) list.append(el('li', {}, nameOf(thing, this.data)))
    return [note, list, ...more(things.length)]
  }

  private onlyPathOf({ layer }: Item): number | undefined {
    const [only, ...others] = this.data.layers[layer - 1]!.things
    return typeof only?.[0] === 'number' && others.length === 0 ? only[0] : undefined
  }

  private graph(path: number): HTMLElement[] {
    const around = this.references.around(path)
    if (typeof around === 'string')
      return [el('p', { class: 'note' }, `References are not known: ${around}.`)]
    const { references, referrers } = around
    const self = el('p', { class: 'self' }, shortName(this.data.paths[path]!))
    return [
      el(
        'div',
        { class: 'graph', role: 'group', 'aria-label': 'References' },
        this.list('Referred to by', referrers),
        arrow(),
        self,
        arrow(),
        this.list('Refers to', references),
      ),
    ]
  }

  private list(title: string, paths: readonly number[]): HTMLElement {
    const list = el('ul', { class: 'names' })
    for (const path of paths.slice(0, MOST)) {
      const name = this.data.paths[path]!
      list.append(
        el(
          'li',
          {},
          button(shortName(name), () => this.showPath(path), { title: name, class: 'link' }),
        ),
      )
    }
    const head = el('h3', {}, `${title} ${paths.length}`)
    return el('div', {}, head, ...(paths.length === 0 ? [] : [list]), ...more(paths.length))
  }
}

function arrow(): HTMLElement {
  return el('p', { class: 'arrow', 'aria-hidden': 'true' }, '↓')
}

function more(count: number): HTMLElement[] {
  return count > MOST ? [el('p', { class: 'note' }, `and ${count - MOST} more`)] : []
}
