/** Completions for zsh. */
import type { Completed, Value } from './words.js'

export function zshCompletion(name: string, commands: readonly Completed[]): string {
  const prefix = `_${name.replaceAll('-', '_')}`
  return `#compdef ${name}
# ${name}(1) for zsh: ${name} completion zsh > "\${fpath[1]}/_${name}", or eval "$(${name} completion zsh)"
${prefix}_value() { # FILES WORD…
  local kind=$1 expl
  shift
  local -a whole=(\${@:#*[:/@]}) begun=(\${(M)@:#*[:/@]})
  (( $#whole )) && _wanted values expl value compadd -a whole
  (( $#begun )) && _wanted values expl value compadd -S '' -a begun
  case $kind in
    files) _files ;;
    directories) _files -/ ;;
  esac
}
${commands.map((command) => bodyOf(command, prefix)).join('\n')}
# Whether it was loaded by its name, or read.
if [ "$funcstack[1]" = "_${name}" ]; then ${prefix} "$@"; else compdef ${prefix} ${name}; fi`
}

function bodyOf(command: Completed, prefix: string): string {
  const { path, verbs, options, argument } = command
  const own = [prefix, ...path].join('_')
  const specs = options.flatMap(({ forms, description, value }) =>
    forms.map((form) =>
      quoted(
        `*${form}${value === undefined ? '' : taking(form)}[${escaped(description)}]${value === undefined ? '' : `:value:${action(value, prefix)}`}`,
      ),
    ),
  )
  const verbList = verbs.map((verb) => quoted(`${verb.name}:${verb.description}`)).join(' ')
  const dispatch =
    verbs.length === 0
      ? ''
      : `  if (( CURRENT == 2 )); then
    local -a verbs=(${verbList})
    [[ $PREFIX == -* ]] || _describe verb verbs
  else
    case $words[2] in
${verbs.map((verb) => `      ${verb.name}) shift words; (( CURRENT-- )); ${own}_${verb.name}; return ;;`).join('\n')}
    esac
  fi
`
  return `${own}() {
${dispatch}  _arguments -s -S ${[...specs, quoted(`*:argument:${action(argument, prefix)}`)].join(' \\\n    ')}
}`
}

/** A value may stand behind `=`, or a short form itself. */
function taking(form: string): string {
  return form.startsWith('--') ? '=' : '+'
}

function action({ files, words }: Value, prefix: string): string {
  // A call that begins with a space is taken as it is, but for its colons.
  return [` ${prefix}_value ${files}`, ...words.map((word) => word.replaceAll(':', '\\:'))].join(' ')
}

function escaped(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('[', '\\[').replaceAll(']', '\\]').replaceAll(':', '\\:')
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}
