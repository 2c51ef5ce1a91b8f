/** What of a command can be completed, for every shell alike. */
import type { Argument, Command, Option } from 'commander'
import { SYNTAX } from '../../transports.js'
import { longForms } from '../known-option.js'
import { pathOf, verbsOf } from '../man-page.js'

/** What a value is: a file or a directory that is there, and words that it may be, or begin with. */
export interface Value {
  files: 'files' | 'directories' | 'none'
  words: readonly string[]
}

interface KnownWord {
  /** `-o`, `--output` */
  forms: readonly string[]
  description: string
  /** Undefined where it takes none. */
  value: Value | undefined
}

/** A command or a verb. */
export interface Completed {
  /** The verbs that lead there: empty for the program itself. */
  path: readonly string[]
  description: string
  options: readonly KnownWord[]
  /** Its own verbs. */
  verbs: readonly { name: string; description: string }[]
  /** What an argument may be. */
  argument: Value
}

/** `oci:`, `docker://` */
const SCHEMES = SYNTAX.split(', ').flatMap((syntax) => /^[a-z-]+:(?:\/\/)?/.exec(syntax) ?? [])

/** By the names that help has for values. */
const VALUES: Record<string, Value> = {
  FILE: { files: 'files', words: [] },
  conf: { files: 'files', words: [] },
  paths: { files: 'files', words: [] },
  DIR: { files: 'directories', words: [] },
  PLACE: { files: 'directories', words: ['default', 'redis://'] },
  place: { files: 'directories', words: ['default', 'redis://'] },
  DESTINATION: { files: 'files', words: SCHEMES },
  image: { files: 'files', words: SCHEMES },
  BASE: { files: 'files', words: SCHEMES },
  PREVIOUS: { files: 'files', words: SCHEMES },
  SOURCE: { files: 'none', words: ['-', '@'] },
  KIND: { files: 'none', words: ['none', 'gzip', 'zstd'] },
}
const OTHER: Value = { files: 'none', words: [] }

/** The program first. */
export function describeProgram(program: Command): Completed[] {
  return [program, ...verbsOf(program)].map((command) => ({
    path: pathOf(command).split(' ').slice(1),
    description: brief(command.description()),
    options: command.createHelp().visibleOptions(command).map(wordOf),
    verbs: command.commands.map((verb) => ({ name: verb.name(), description: brief(verb.description()) })),
    argument: valueOfArgument(command.registeredArguments[0], program),
  }))
}

function wordOf(option: Option): KnownWord {
  // What holds a value already is no form to complete.
  const long = longForms(option).filter((form) => !form.includes('='))
  const forms = option.short === undefined ? long : [option.short, ...long]
  return { forms, description: brief(option.description), value: valueOfOption(option) }
}

function valueOfOption(option: Option): Value | undefined {
  if (!option.required && !option.optional) return undefined
  if (option.argChoices !== undefined) return { files: 'none', words: option.argChoices }
  return VALUES[/[<[]([^>\]]+)[>\]]$/.exec(option.flags)?.[1] ?? ''] ?? OTHER
}

function valueOfArgument(argument: Argument | undefined, program: Command): Value {
  if (argument === undefined) return OTHER
  if (argument.argChoices !== undefined) return { files: 'none', words: argument.argChoices }
  if (argument.name() === 'verb') return { files: 'none', words: program.commands.map((verb) => verb.name()) }
  return VALUES[argument.name()] ?? OTHER
}

/** Shells have a line for it, beside the word. */
function brief(description: string): string {
  return description
    .replace(/ \((?:default|also):.*\)$/s, '')
    .split(/; |: /)[0]!
    .replace(/\.$/, '')
}
