/** The code in a Markdown file: indented blocks and fenced ones. */

export interface Block {
  /** Of the first line, from 1. */
  line: number
  /** What a fence names, empty without one. */
  language: string
  lines: string[]
}

/** Indented lines count where no list item can hold them: behind an empty line or another of them. */
export function codeBlocks(markdown: string): Block[] {
  const blocks: Block[] = []
  let open: Block | undefined
  let fenced = false
  for (const [i, line] of markdown.split('\n').entries()) {
    const fence = /^```(\w*)$/.exec(line)
    if (fence !== null) {
      fenced = !fenced
      open = fenced ? { line: i + 2, language: fence[1]!, lines: [] } : undefined
      if (open !== undefined) blocks.push(open)
    } else if (fenced) open!.lines.push(line)
    else if (/^ {4}\S/.test(line)) {
      if (open === undefined) {
        open = { line: i + 1, language: '', lines: [] }
        blocks.push(open)
      }
      open.lines.push(line.slice(4))
    } else open = undefined
  }
  return blocks
}
