/** The manual page of a command and its verbs, from the same definitions as `--help` (man(7), groff_man(7)). */
import type { Command, Option } from 'commander'

/** @returns roff, without a last line break */
export function manPage(program: Command): string {
  const name = program.name()
  const verbs = verbsOf(program)
  return [
    `.TH ${name.toUpperCase()} 1 "" "${name} ${program.version()}" "User Commands"`,
    '.SH NAME',
    `${name} \\- container images from Nix store paths`,
    '.SH SYNOPSIS',
    ...[program, ...verbs.filter(({ commands }) => commands.length === 0)].flatMap(synopsis).slice(0, -1),
    '.SH DESCRIPTION',
    text(program.description()),
    ...argumentsOf(program),
    '.SH OPTIONS',
    ...optionsOf(program, '.SS'),
    '.SH VERBS',
    ...verbs.flatMap((verb) => [
      `.SS ${text(pathOf(verb).replace(`${name} `, ''))}`,
      text(verb.description()),
      ...argumentsOf(verb),
      ...optionsOf(verb, undefined),
    ]),
    '.SH "EXIT STATUS"',
    ...item('0', 'all is done'),
    ...item('1', 'a failure, which standard error names with its code'),
    ...item('2', 'wrong usage'),
    ...item('129, 130, 143', 'stopped by a signal'),
    ...item('141', 'the reader of standard output has left'),
    '.SH EXAMPLES',
    '.nf',
    text(`${name} conf.json | docker load`),
    text(`${name} conf.json -o docker://registry.example/app:1.0`),
    '.fi',
  ].join('\n')
}

/** All verbs, those of verbs behind them. */
export function verbsOf(command: Command): Command[] {
  return command.commands.flatMap((verb) => [verb, ...verbsOf(verb)])
}

/** `stream-layered-image cache prune` */
export function pathOf(command: Command): string {
  return command.parent === null ? command.name() : `${pathOf(command.parent)} ${command.name()}`
}

function synopsis(command: Command): string[] {
  const args = command.registeredArguments.map((it) => {
    const word = it.name() + (it.variadic ? '...' : '')
    return it.required ? word : `[${word}]`
  })
  return [`.B ${text(pathOf(command))}`, text(`[options] ${args.join(' ')}`.trimEnd()), '.br']
}

function argumentsOf(command: Command): string[] {
  return command.registeredArguments.flatMap((it) => item(it.name(), it.description))
}

/** @param heading the macro for groups; undefined: they have none */
function optionsOf(command: Command, heading: string | undefined): string[] {
  const help = command.createHelp()
  return [...grouped(help.visibleOptions(command))].flatMap(([group, options]) => [
    ...(heading === undefined ? [] : [`${heading} ${text(group)}`]),
    ...options.flatMap((option) => item(help.optionTerm(option), help.optionDescription(option))),
  ])
}

function groupOf(option: Option): string {
  return (option.helpGroupHeading ?? 'Options:').replace(/:$/, '')
}

function grouped(options: readonly Option[]): Map<string, Option[]> {
  const groups = new Map<string, Option[]>()
  for (const option of options) groups.set(groupOf(option), [...(groups.get(groupOf(option)) ?? []), option])
  return groups
}

function item(term: string, description: string): string[] {
  return ['.TP', `.B ${text(term)}`, text(description)]
}

/** A text as roff takes it for itself. */
function text(plain: string): string {
  const escaped = plain.replaceAll('\\', '\\(rs').replaceAll('-', '\\-').replaceAll("'", '\\(aq')
  return escaped.replace(/^(?=[.'])/gm, '\\&').replaceAll('"', '\\(dq')
}
