/** What threads did when, from a build's report. */
import type { TimelineData } from '../data.js'
import { el, section, table } from './dom.js'
import { plural } from './words.js'

/** Works in the table, the longest. */
const MOST = 50

export function timeline({ milliseconds, tasks, threads, more }: TimelineData): HTMLElement {
  const all = threads.flatMap(({ thread, works }) => works.map((work) => ({ thread, work })))
  const rows = threads.map(({ thread, works }) => {
    const track = el('div', { class: 'track' })
    for (const [from, to, task, subject] of works) {
      const title = `${tasks[task]}, ${seconds(to - from)}: ${subject}`
      const bar = el('span', { class: `bar task-${task % 8}`, title })
      bar.style.left = `${(from / milliseconds) * 100}%`
      bar.style.width = `${((to - from) / milliseconds) * 100}%`
      track.append(bar)
    }
    return el('div', { class: 'thread' }, el('span', {}, nameOf(thread)), track)
  })
  const scale = el(
    'div',
    { class: 'thread scale' },
    el('span', {}),
    el('div', {}, el('span', {}, '0 s'), el('span', {}, seconds(milliseconds))),
  )
  const legend = el('ul', { class: 'legend' })
  for (const [task, name] of tasks.entries())
    legend.append(el('li', {}, el('span', { class: `bar task-${task % 8}` }), name))
  const longest = all
    .sort((a, b) => b.work[1] - b.work[0] - (a.work[1] - a.work[0]))
    .slice(0, MOST)
    .map(({ thread, work: [from, to, task, subject] }) => [
      subject,
      tasks[task]!,
      nameOf(thread),
      seconds(from),
      seconds(to - from),
    ])
  const label = `${plural(all.length, 'work')} of ${plural(threads.length, 'thread')} in ${seconds(milliseconds)}`
  return section(
    'The build',
    el('div', { role: 'img', 'aria-label': `Timeline: ${label}` }, ...rows, scale),
    legend,
    ...(more > 0 ? [el('p', { class: 'note' }, `${plural(more, 'shorter work')} not shown`)] : []),
    el(
      'details',
      {},
      el('summary', {}, `The longest of ${label}`),
      table('The longest works', ['what', 'task', 'thread', 'from', 'took'], longest),
    ),
  )
}

function nameOf(thread: number): string {
  return thread === 0 ? 'main' : `thread ${thread}`
}

function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(milliseconds < 10_000 ? 2 : 1)} s`
}
