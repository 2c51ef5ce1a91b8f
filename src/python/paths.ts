/** Paths as `os.path` handles them on POSIX systems. */

/** `os.path.normpath`: no `.`, no empty part, `..` taken back where something is before it. */
export function normalisePath(path: string): string {
  const root = /^\/{0,3}/.exec(path)![0]
  const isAbsolute = root.length > 0
  const parts: string[] = []
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue
    const last = parts.at(-1)
    if (part !== '..' || last === '..' || (last === undefined && !isAbsolute)) parts.push(part)
    else parts.pop()
  }
  // Exactly two slashes at the start may mean something of their own.
  const start = root.length === 2 ? '//' : isAbsolute ? '/' : ''
  return `${start}${parts.join('/')}` || '.'
}

/** `os.path.dirname`. */
export function directoryOf(path: string): string {
  const head = path.slice(0, path.lastIndexOf('/') + 1)
  const trimmed = trimSlashes(head)
  return trimmed === '' ? head : trimmed
}

/** `path.rstrip('/')`. A regular expression would take a time that grows with the square of many slashes. */
export function trimSlashes(path: string): string {
  let end = path.length
  while (end > 0 && path[end - 1] === '/') end--
  return path.slice(0, end)
}
