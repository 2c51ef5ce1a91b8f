/** Lists of an image: its layers, what is in several of them, and how it compares with others. */
import type { ExplorerData, OtherData } from '../data.js'
import { button, el, section, table } from './dom.js'
import type { Item } from './items.js'
import { amount, plural, shortName } from './words.js'

export function layersTable(data: ExplorerData, root: Item, show: (item: Item) => void): HTMLElement {
  const items = new Map(root.children.map((item) => [item.layer, item]))
  const heads = [
    'layer',
    'files',
    'archive',
    'blob',
    'paths',
    ...data.others.map(({ image }) => image),
    'diff ID',
  ]
  const rows = data.layers.map(({ size, blob, things, diffId, more }, i) => {
    const item = items.get(i + 1)!
    return [
      button(item.name, () => show(item), { class: 'link' }),
      amountOf(item.children.length > 0 || things.length === 0 ? item.bytes : undefined),
      amountOf(size),
      amountOf(blob),
      `${things.length + (more?.[0] ?? 0)}`,
      ...data.others.map(({ shared }) => (shared.includes(i + 1) ? 'same' : 'changed')),
      el('code', { title: diffId }, `${diffId.slice(0, 19)}…`),
    ]
  })
  return section('Layers', table('Layers', heads, rows))
}

function amountOf(bytes: number | undefined): string {
  return bytes === undefined ? '' : amount(bytes)
}

export function repeatedTables(data: ExplorerData, show: (path: number) => void): HTMLElement {
  return section('In several layers', ...repeatedPaths(data, show), ...repeatedFiles(data))
}

function repeatedPaths({ repeated, paths }: ExplorerData, show: (path: number) => void): HTMLElement[] {
  if (repeated.length === 0) return [el('p', {}, 'No store path is in more than one layer.')]
  const equal = { true: 'the same', false: 'different', null: 'not known' }
  const rows = repeated.map(({ path, layers, bytes, isEqual }) => [
    button(shortName(paths[path]!), () => show(path), { class: 'link', title: paths[path]! }),
    layers.join(', '),
    bytes === null ? '' : amount(bytes),
    equal[`${isEqual}`],
  ])
  const again = repeated.reduce((sum, { bytes, layers }) => sum + (bytes ?? 0) * (layers.length - 1), 0)
  const note = `${plural(repeated.length, 'store path')}${again > 0 ? `, ${amount(again)} more than once` : ''}`
  const heads = ['store path', 'layers', 'bytes', 'contents']
  return [el('p', {}, note), table('Store paths in several layers', heads, rows)]
}

function repeatedFiles({ files, isRead }: ExplorerData): HTMLElement[] {
  if (files.length === 0) {
    const found = 'No larger file (64 KiB and more) is in more than one layer.'
    return [
      el(
        'p',
        { class: 'note' },
        isRead
          ? found
          : 'Equal files are looked for where layers are read: of a configuration they are not, of an image in a registry with --deep.',
      ),
    ]
  }
  const rows = files.map(({ size, count, places }) => {
    const list = places.map(([layer, path]) => `layer ${layer}: ${path}`).join('\n')
    return [
      amount(size),
      `${count}`,
      el('span', { class: 'lines' }, `${list}${count > places.length ? '\n…' : ''}`),
    ]
  })
  const again = files.reduce((sum, { size, count }) => sum + size * (count - 1), 0)
  const note = `${plural(files.length, 'larger file')}, ${amount(again)} more than once`
  return [el('p', {}, note), table('Files in several layers', ['bytes', 'times', 'where'], rows)]
}

/** @param dim takes the image whose layers are to step back, or none */
export function comparison(
  { others, layers }: ExplorerData,
  root: Item,
  dim: (other: OtherData | undefined) => void,
): HTMLElement {
  const sizes = new Map(root.children.map(({ layer, bytes }) => [layer, bytes]))
  const boxes: HTMLInputElement[] = []
  const rows = others.map((other, i) => {
    const changed = layers.flatMap((_, n) => (other.shared.includes(n + 1) ? [] : [n + 1]))
    const bytes = changed.reduce((sum, number) => sum + sizes.get(number)!, 0)
    const box = el('input', {
      ...{ type: 'checkbox', id: `dim-${i}` },
      onchange: () => {
        for (const it of boxes) if (it !== box) it.checked = false
        dim(box.checked ? other : undefined)
      },
    })
    boxes.push(box)
    const counts = `${plural(changed.length, 'layer')} of ${layers.length} changed, ${amount(bytes)}; it has ${other.of}. `
    const label = el('label', { for: `dim-${i}` }, ' show only what changed')
    return el('p', {}, el('strong', {}, other.image), ': ', counts, box, label)
  })
  return section('Compared with', ...rows)
}
