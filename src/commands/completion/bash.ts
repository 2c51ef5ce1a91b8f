/** Completions for bash, without the bash-completion package. */
import type { Completed, Value } from './words.js'

export function bashCompletion(name: string, commands: readonly Completed[]): string {
  const prefix = `_${name.replaceAll('-', '_')}`
  const verbs = commands.filter(({ path }) => path.length > 0)
  return `# ${name}(1) for bash: eval "$(${name} completion bash)"
${prefix}_value() { # FILES PREFIX WORD…
  local kind=$1 cur=$2 found
  shift 2
  COMPREPLY=()
  [[ $cur == *:* ]] || while IFS= read -r found; do COMPREPLY+=("$found"); done < <(compgen -W "$*" -- "$cur")
  [[ \${COMPREPLY[*]} == *[:/@] ]] && compopt -o nospace
  local path=$cur
  [[ $cur =~ ^[a-z-]+:(.*)$ ]] && path=\${BASH_REMATCH[1]}
  [[ $path == //* ]] && kind=none
  case $kind in
    files) compopt -o filenames; while IFS= read -r found; do COMPREPLY+=("$found"); done < <(compgen -f -- "$path") ;;
    directories) compopt -o filenames; while IFS= read -r found; do COMPREPLY+=("$found"); done < <(compgen -d -- "$path") ;;
  esac
}
${prefix}() {
  local line=\${COMP_LINE:0:COMP_POINT} words=() verb='' cur prev option
  read -ra words <<< "$line"
  [[ $line == *[[:space:]] ]] && words+=('')
  # The word under the cursor as it stands there: readline takes its colons for ends of words.
  cur=\${words[\${#words[@]}-1]} prev=\${words[\${#words[@]}-2]}
  case "\${words[1]} \${words[2]}" in
${verbs
  .toSorted((a, b) => b.path.length - a.path.length)
  .map(({ path }) => `    ${pattern(path)}) verb='${path.join(' ')}' ;;`)
  .join('\n')}
  esac
  [[ \${#words[@]} -eq 2 || ( $verb == 'cache '* && \${#words[@]} -eq 3 ) ]] && verb=\${verb% *} && [[ \${#words[@]} -eq 2 ]] && verb=''
  [[ $cur == --*=* ]] && prev=\${cur%%=*} cur=\${cur#*=}
  case "$verb/$prev" in
${commands.flatMap((command) => values(command, prefix)).join('\n')}
  esac
  case "$verb" in
${commands.map((command) => rest(command, prefix)).join('\n')}
  esac
}
complete -F ${prefix} ${name}`
}

function pattern(path: readonly string[]): string {
  return path.length === 1 ? `'${path[0]} '*` : `'${path.join(' ')}'`
}

function call(prefix: string, { files, words }: Value): string {
  return [`${prefix}_value ${files} "$cur"`, ...words.map((word) => `'${word}'`)].join(' ')
}

function values({ path, options }: Completed, prefix: string): string[] {
  return options.flatMap(({ forms, value }) =>
    value === undefined
      ? []
      : [
          `    ${forms.map((form) => `'${path.join(' ')}/${form}'`).join('|')}) ${call(prefix, value)}; return ;;`,
        ],
  )
}

function rest({ path, options, verbs, argument }: Completed, prefix: string): string {
  const names = verbs.map(({ name }) => name)
  const arg = { files: argument.files, words: [...argument.words, ...names] }
  const forms = options.flatMap((option) => option.forms).join(' ')
  return `    '${path.join(' ')}') if [[ $cur == -* ]]; then COMPREPLY=($(compgen -W '${forms}' -- "$cur")); else ${call(prefix, arg)}; fi ;;`
}
