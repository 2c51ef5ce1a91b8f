/** Search over store paths: a box with a list below it (WAI-ARIA Authoring Practices, "Combobox"). */
import { el } from './dom.js'

/** Of what is found, those that are shown. */
const MOST = 50

export class Search {
  readonly element: HTMLElement
  private readonly input: HTMLInputElement
  private readonly list = el('ul', {
    id: 'found',
    role: 'listbox',
    'aria-label': 'Store paths',
    hidden: true,
  })
  private readonly status = el('p', { class: 'status', role: 'status' })
  private readonly lower: readonly string[]
  private found: readonly number[] = []
  private at = -1

  constructor(
    private readonly paths: readonly string[],
    private readonly choose: (path: number) => void,
  ) {
    this.lower = paths.map((path) => path.toLowerCase())
    this.input = el('input', {
      ...{ type: 'search', id: 'search', autocomplete: 'off', spellcheck: 'false', role: 'combobox' },
      ...{ 'aria-expanded': 'false', 'aria-controls': 'found', 'aria-autocomplete': 'list' },
      oninput: () => this.look(),
      onfocus: () => this.input.select(),
      onblur: () => this.close(),
    })
    this.input.addEventListener('keydown', (event) => this.key(event))
    // Before the box loses the keyboard, which closes the list.
    this.list.addEventListener('pointerdown', (event) => {
      event.preventDefault()
      const option = event.target instanceof Element ? event.target.closest('li') : null
      if (option !== null) this.take([...this.list.children].indexOf(option))
    })
    const label = el('label', { for: 'search' }, 'Search store paths')
    this.element = el('div', { class: 'search' }, label, this.input, this.list, this.status)
  }

  private look(): void {
    const words = this.input.value
      .toLowerCase()
      .split(/\s+/)
      .filter((word) => word !== '')
    const fits = (name: string): boolean => words.every((word) => name.includes(word))
    this.found = words.length === 0 ? [] : this.lower.flatMap((name, i) => (fits(name) ? [i] : []))
    const options = this.found
      .slice(0, MOST)
      .map((path, i) =>
        el('li', { id: `found-${i}`, role: 'option', 'aria-selected': 'false' }, this.paths[path]!),
      )
    this.list.replaceChildren(...options)
    this.list.hidden = options.length === 0
    this.input.setAttribute('aria-expanded', String(options.length > 0))
    const shown = this.found.length > MOST ? `, ${MOST} shown` : ''
    this.status.textContent = words.length === 0 ? '' : `${this.found.length} found${shown}`
    this.mark(options.length > 0 ? 0 : -1)
  }

  private mark(at: number): void {
    this.list.children[this.at]?.setAttribute('aria-selected', 'false')
    this.at = at
    const option = this.list.children[at]
    option?.setAttribute('aria-selected', 'true')
    option?.scrollIntoView({ block: 'nearest' })
    if (option === undefined) this.input.removeAttribute('aria-activedescendant')
    else this.input.setAttribute('aria-activedescendant', option.id)
  }

  private key(event: KeyboardEvent): void {
    const count = this.list.hidden ? 0 : this.list.children.length
    if (event.key === 'ArrowDown' && count > 0) this.mark((this.at + 1) % count)
    else if (event.key === 'ArrowUp' && count > 0) this.mark((this.at + count - 1) % count)
    else if (event.key === 'Enter' && count > 0) this.take(this.at)
    else if (event.key === 'Escape' && count > 0) this.close()
    else return
    event.preventDefault()
  }

  private take(at: number): void {
    const path = this.found[at]
    if (path === undefined) return
    this.close()
    this.choose(path)
  }

  private close(): void {
    this.list.hidden = true
    this.input.setAttribute('aria-expanded', 'false')
    this.input.removeAttribute('aria-activedescendant')
  }
}
