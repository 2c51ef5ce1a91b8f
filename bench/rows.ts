/** A Markdown table, of nothing where there are no rows. */
export function rows<T>(all: readonly T[], head: string, cellsOf: (it: T) => string[]): string {
  if (all.length === 0) return ''
  const line = `|${'---|'.repeat(head.split('|').length - 2)}`
  return [head, line, ...all.map((it) => `| ${cellsOf(it).join(' | ')} |`)].join('\n')
}
