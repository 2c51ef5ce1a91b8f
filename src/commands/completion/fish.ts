/** Completions for fish. */
import type { Completed, Value } from './words.js'

export function fishCompletion(name: string, commands: readonly Completed[]): string {
  const top = commands[0]!.verbs.map((verb) => verb.name).join(' ')
  const lines = commands.flatMap((command) => {
    const { path, options, verbs, argument } = command
    const own = verbs.map((verb) => verb.name).join(' ')
    const seen = path.map((word) => `__fish_seen_subcommand_from ${word}`)
    const unseen = own === '' ? [] : [`not __fish_seen_subcommand_from ${own}`]
    const here = path.length === 0 ? [`not __fish_seen_subcommand_from ${top}`] : [...seen, ...unseen]
    const line = (parts: string): string => `complete -c ${name} -n ${quoted(here.join('; and '))} ${parts}`
    return [
      ...verbs.map((verb) => line(`-a ${verb.name} -d ${quoted(verb.description)}`)),
      ...options.map(({ forms, description, value }) =>
        line(
          [
            ...forms.map((form) => (form.startsWith('--') ? `-l ${form.slice(2)}` : `-s ${form.slice(1)}`)),
            ...(value === undefined ? [] : taken(value)),
            `-d ${quoted(description)}`,
          ].join(' '),
        ),
      ),
      ...(argument.words.length > 0 ? [line(`-a ${quoted(argument.words.join(' '))}`)] : []),
      ...(argument.files === 'none' ? [line('-f')] : []),
    ]
  })
  return [`# ${name}(1) for fish: ${name} completion fish | source`, ...lines].join('\n')
}

function taken({ files, words }: Value): string[] {
  const list = words.length === 0 ? [] : [`-a ${quoted(words.join(' '))}`]
  if (files === 'none') return ['-x', ...list]
  if (files === 'directories')
    return ['-x', `-a ${quoted(`${words.join(' ')} (__fish_complete_directories)`.trim())}`]
  return ['-r', '-F', ...list]
}

function quoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
}
