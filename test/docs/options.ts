/** docs/options.md: what `--help` says, of all verbs. Run as a program it writes the page. */
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { pathOf, verbsOf } from '../../src/commands/man-page.js'
import { makeProgram } from '../../src/commands/program.js'

export const PAGE = fileURLToPath(new URL('../../../docs/options.md', import.meta.url))

export function optionsPage(): string {
  const program = makeProgram(() => {})
  const sections = [program, ...verbsOf(program)].map(
    (verb) => `## ${pathOf(verb)}\n\n\`\`\`text\n${verb.helpInformation().trimEnd()}\n\`\`\`\n`,
  )
  return [
    '# All options\n',
    'What `help VERB` shows; `npm run options` writes this page.\n',
    ...sections,
  ].join('\n')
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(PAGE, optionsPage())
