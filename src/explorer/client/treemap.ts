/** The map: what is in an item as rectangles, and in each of these what is in it. It is walked through with the keyboard too. */
import { button, el } from './dom.js'
import { type Item, insideOf, outsideOf, trailOf } from './items.js'
import { nearest } from './neighbours.js'
import { type Rectangle, squarify } from './squarify.js'
import { amount, percent, plural } from './words.js'

interface MapEvents {
  /** An item was gone to, or chosen. */
  select(item: Item): void
  isDimmed(item: Item): boolean
}

/** Pixels: what is smaller is not drawn, not labelled, has no room for others in it. */
const LEAST = 3
const LABELLED = { width: 44, height: 17 }
const HEAD = 20
const ROOMY = { width: 30, height: HEAD + 12 }

export class Treemap {
  readonly element: HTMLElement
  private readonly trail = el('ol', { class: 'trail' })
  private readonly cells = el('div', { class: 'map', role: 'group', 'aria-describedby': 'map-help' })
  private readonly told = el('p', { class: 'told' })
  private shown: Item
  private items = new Map<Element, Item>()
  private width = 0

  constructor(
    private readonly root: Item,
    private readonly events: MapEvents,
  ) {
    this.shown = root
    const help = el(
      'p',
      { id: 'map-help', class: 'help' },
      'Arrow keys move, Enter goes into, Escape goes back out. Areas are bytes of files.',
    )
    const nav = el('nav', { 'aria-label': 'Where the map is' }, this.trail)
    this.element = el('div', { class: 'treemap' }, nav, this.cells, this.told, help)
    this.cells.addEventListener('click', (event) => this.click(event))
    this.cells.addEventListener('keydown', (event) => this.key(event))
    this.cells.addEventListener('pointerover', (event) => this.tell(this.itemAt(event.target)))
    this.cells.addEventListener('focusin', (event) => this.tell(this.itemAt(event.target)))
    new ResizeObserver(() => {
      if (this.cells.clientWidth !== this.width) this.draw()
    }).observe(this.cells)
  }

  /** Shows what is in an item, or around it where nothing is. @param focus whether the keyboard goes there */
  go(item: Item, focus = false): void {
    const from = this.shown
    this.shown = item.children.length > 0 ? insideOf(item) : (outsideOf(item) ?? item)
    this.draw()
    // Going out, the keyboard stays where it was; going in, it starts with the largest.
    const at = item.children.length > 0 ? trailOf(from).find((it) => outsideOf(it) === this.shown) : item
    const cell = this.cellOf(at) ?? this.cells.firstElementChild
    this.enter(cell)
    if (focus && cell instanceof HTMLElement) cell.focus()
    this.events.select(item)
  }

  draw(): void {
    const { shown, cells } = this
    this.width = cells.clientWidth
    this.items = new Map()
    const area = { x: 0, y: 0, width: this.width, height: cells.clientHeight }
    const places = squarify(weightsOf(shown), area)
    const drawn = shown.children.flatMap((child, i) => this.cell(child, places[i]!) ?? [])
    cells.replaceChildren(...drawn)
    if (drawn.length === 0) cells.append(el('p', { class: 'empty' }, emptiness(shown)))
    cells.setAttribute('aria-label', `Map of ${shown.name}: ${plural(shown.children.length, 'part')}`)
    this.enter(drawn[0])
    this.drawTrail()
    this.tell(shown)
  }

  private cell(item: Item, place: Rectangle): HTMLElement | undefined {
    if (place.width < LEAST || place.height < LEAST) return undefined
    const label = `${item.name}, ${amount(item.bytes)}, ${percent(item.bytes, this.shown.bytes)}`
    const cell = this.box('button', item, place)
    cell.setAttribute('type', 'button')
    cell.setAttribute('aria-label', label)
    cell.tabIndex = -1
    if (place.width >= ROOMY.width && place.height >= ROOMY.height && item.children.length > 0) {
      const inside = { x: 2, y: HEAD, width: place.width - 6, height: place.height - HEAD - 4 }
      const { children } = insideOf(item)
      const places = squarify(weightsOf(insideOf(item)), inside)
      for (const [i, child] of children.entries()) {
        const { width, height } = places[i]!
        if (width >= LEAST && height >= LEAST) cell.append(this.box('span', child, places[i]!))
      }
    }
    return cell
  }

  private box(tag: 'button' | 'span', item: Item, place: Rectangle): HTMLElement {
    const box = el(tag, { class: `cell ${item.kind}${this.events.isDimmed(item) ? ' dimmed' : ''}` })
    const { style } = box
    style.left = `${place.x}px`
    style.top = `${place.y}px`
    style.width = `${place.width - 1}px`
    style.height = `${place.height - 1}px`
    style.setProperty('--hue', `${hueOf(item)}`)
    if (place.width >= LABELLED.width && place.height >= LABELLED.height)
      box.append(el('span', { class: 'label' }, `${labelOf(item)} `, el('small', {}, amount(item.bytes))))
    this.items.set(box, item)
    return box
  }

  private drawTrail(): void {
    const steps = trailOf(this.shown)
    const entries = steps.map((item, i) => {
      const isLast = i === steps.length - 1
      const name = item === this.root ? 'image' : item.name
      return el(
        'li',
        {},
        isLast
          ? el('span', { 'aria-current': 'true' }, name)
          : button(name, () => this.go(item, true), { class: 'link' }),
      )
    })
    this.trail.replaceChildren(...entries)
  }

  private click(event: Event): void {
    const item = this.itemAt(event.target)
    if (item !== undefined) this.go(item, true)
  }

  private key(event: KeyboardEvent): void {
    const outside = outsideOf(this.shown)
    if (event.key === 'Escape' && outside !== undefined) this.go(outside, true)
    else if (!this.move(event.key)) return
    event.preventDefault()
  }

  /** @returns whether the key is one that moves */
  private move(key: string): boolean {
    const at = document.activeElement
    if (!(at instanceof HTMLElement) || !this.items.has(at)) return false
    const all = [...this.cells.children].filter((it) => it instanceof HTMLElement)
    const next = key === 'Home' ? all[0] : key === 'End' ? all.at(-1) : nearest(at, all, key)
    if (next === undefined) return key.startsWith('Arrow')
    this.enter(next)
    next.focus()
    return true
  }

  /** Makes a cell the one that the keyboard comes to. */
  private enter(cell: Element | null | undefined): void {
    for (const it of this.cells.querySelectorAll('button[tabindex="0"]')) it.setAttribute('tabindex', '-1')
    cell?.setAttribute('tabindex', '0')
  }

  private cellOf(item: Item | undefined): Element | undefined {
    return [...this.cells.children].find((cell) => this.items.get(cell) === item)
  }

  private itemAt(target: EventTarget | null): Item | undefined {
    const cell = target instanceof Element ? target.closest('.cell') : null
    return cell === null ? undefined : this.items.get(cell)
  }

  private tell(item: Item | undefined): void {
    if (item === undefined) return
    const share = item === this.root ? '' : `, ${percent(item.bytes, this.root.bytes)} of the image`
    this.told.textContent = `${item.kind === 'layer' ? item.name : item.full}: ${amount(item.bytes)}${share}`
  }
}

/** Where there is little room, what is in a layer says most. */
function labelOf({ kind, name }: Item): string {
  return kind === 'layer' ? name.replace(/^layer /, '') : name
}

function weightsOf({ children }: Item): number[] {
  return children.map(({ bytes }) => bytes)
}

function emptiness({ kind }: Item): string {
  return kind === 'image' ? 'Nothing is known of sizes: the image was not read.' : 'Nothing in it has bytes.'
}

/** Neighbours differ. */
function hueOf({ layer }: Item): number {
  return Math.round((layer * 137.5) % 360)
}
