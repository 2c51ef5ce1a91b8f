/** Elements in a few words. Text is text: nothing that is shown can become markup. */

type Child = Node | string | undefined

/** Attributes, but for `on…`, which listen. */
interface Attributes {
  [name: string]: string | number | boolean | undefined | ((event: Event) => void)
}

export function el<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') element.addEventListener(name.slice(2), value)
    else if (value === true) element.setAttribute(name, '')
    else if (value !== undefined && value !== false) element.setAttribute(name, String(value))
  }
  element.append(...children.filter((child) => child !== undefined))
  return element
}

export function button(text: string, press: () => void, attributes: Attributes = {}): HTMLButtonElement {
  return el('button', { type: 'button', onclick: press, ...attributes }, text)
}

/** A section with a heading, left out where it has nothing. */
export function section(title: string, ...children: readonly Child[]): HTMLElement {
  return el('section', {}, el('h2', {}, title), ...children)
}

/** A table that is scrolled in itself where the window is narrow; a column that has nothing is left out. */
export function table(
  label: string,
  heads: readonly string[],
  rows: readonly (readonly Child[])[],
): HTMLElement {
  const isUsed = heads.map((_, i) => rows.some((cells) => cells[i] !== '' && cells[i] !== undefined))
  const used = <T>(cells: readonly T[]): T[] => cells.filter((_, i) => isUsed[i])
  const head = el('tr', {}, ...used(heads).map((text) => el('th', { scope: 'col' }, text)))
  const body = rows.map((cells) => el('tr', {}, ...used(cells).map((cell) => el('td', {}, cell))))
  return el(
    'div',
    { class: 'scrolled', role: 'region', 'aria-label': label, tabindex: 0 },
    el('table', {}, el('thead', {}, head), el('tbody', {}, ...body)),
  )
}
