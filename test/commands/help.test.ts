/** Help, the manual and completions say the same, since they are made from the same; each in its own program. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { longForms } from '../../src/commands/known-option.js'
import { pathOf, verbsOf } from '../../src/commands/man-page.js'
import { makeProgram } from '../../src/commands/program.js'
import { command, skipWithout } from '../support/clients.js'
import { CLI } from '../support/image.js'
import { scratchDirectory } from '../support/scratch.js'

const root = scratchDirectory()
const program = makeProgram(() => {})
const all = [program, ...verbsOf(program)]

function cli(...args: string[]): string {
  const { status, stdout, stderr } = spawnSync(process.execPath, [CLI, ...args], { encoding: 'utf8' })
  assert.equal(status, 0, stderr)
  assert.equal(stderr, '')
  return stdout
}

describe('--help', () => {
  for (const verb of all) {
    const words = pathOf(verb).split(' ').slice(1)
    test(`${words.join(' ') || 'of the program'} fits 80 columns, and is what help shows`, () => {
      const shown = cli(...words, '--help')
      for (const line of shown.split('\n')) assert.ok(line.length <= 80, line)
      assert.equal(cli('help', ...words), shown)
    })
  }

  test('options are in groups', () => {
    const groups = cli('--help').match(/^[A-Z][a-z]+:$/gm)
    const expected = ['Arguments', 'Image', 'Delivery', 'Cache', 'Registry', 'Output', 'Help', 'Commands']
    for (const name of expected) assert.ok(groups!.includes(`${name}:`), name)
    assert.ok(!groups!.includes('Options:'))
  })

  test('a verb that is none is wrong usage, which names those that are', () => {
    for (const words of [['nothing'], ['cache', 'nothing'], ['copy', 'more']]) {
      const { status, stderr } = spawnSync(process.execPath, [CLI, 'help', ...words], { encoding: 'utf8' })
      assert.equal(status, 2)
      assert.match(stderr, /^error: no verb "(nothing|more)": expected [^\n]+\n$/)
    }
  })
})

describe('the manual', () => {
  const page = cli('man')

  test('names every verb and every option', () => {
    const plain = page.replaceAll('\\-', '-')
    for (const verb of all) {
      assert.ok(
        plain.includes(pathOf(verb)) || plain.includes(`.SS ${pathOf(verb).split(' ').slice(1).join(' ')}`),
      )
      for (const option of verb.options)
        for (const form of longForms(option)) assert.ok(plain.includes(form), form)
    }
  })

  test('is what groff and mandoc take without a warning', {
    skip: skipWithout('groff', 'mandoc', 'man'),
  }, () => {
    const file = join(root, 'page.1')
    writeFileSync(file, page)
    const groff = spawnSync('groff', ['-man', '-ww', '-Tutf8', '-z', file], { encoding: 'utf8' })
    assert.deepEqual([groff.status, groff.stderr], [0, ''])
    const mandoc = spawnSync('mandoc', ['-T', 'lint', '-W', 'warning', file], { encoding: 'utf8' })
    // A page that is the same whenever it is made has no date.
    const warnings = mandoc.stdout.split('\n').filter((line) => !/missing date|^$/.test(line))
    assert.deepEqual(warnings, [])
    const shown = command('man', ['-l', file], {
      env: { ...process.env, MANWIDTH: '80', MAN_KEEP_FORMATTING: '' },
    })
    assert.match(shown, /SYNOPSIS[\s\S]*--output[\s\S]*docker:\/\/HOST/)
  })
})

describe('completions', () => {
  const work = join(root, 'work')
  mkdirSync(join(work, 'directory'), { recursive: true })
  for (const name of ['conf.json', 'image.tar']) writeFileSync(join(work, name), '')
  const script = (shell: string): string => {
    const file = join(root, shell)
    writeFileSync(file, cli('completion', shell))
    return file
  }

  /** A line up to the cursor, and some of what is completed there. */
  const LINES: [string, string[]][] = [
    ['--rep', ['--repo_tag', '--report']],
    ['--digest', ['--digest-file', '--digestfile']],
    ['co', ['conf.json', 'copy', 'completion']],
    ['help se', ['serve']],
    ['completion f', ['fish']],
    ['cache pr', ['prune']],
    ['cache prune --d', ['--days']],
    ['copy --mount', ['--mount-from']],
    ['plan --layering ', ['nixpkgs', 'stable']],
    ['conf.json -o docker-', ['docker-archive:', 'docker-daemon:']],
    ['conf.json --compress z', ['zstd']],
    ['conf.json --cache d', ['default', 'directory/']],
    ['conf.json --output ima', ['image.tar']],
  ]

  test('every option of every verb is in every script', () => {
    for (const shell of ['bash', 'zsh', 'fish']) {
      const text = cli('completion', shell)
      for (const verb of all)
        for (const option of verb.options) {
          const form = shell === 'fish' ? `-l ${option.long!.slice(2)} ` : option.long!
          assert.ok(text.includes(form), `${shell}: ${form}`)
        }
    }
  })

  test('bash', { skip: skipWithout('bash') }, () => {
    const file = script('bash')
    for (const [line, expected] of LINES) {
      const whole = `stream-layered-image ${line}`
      const run = `compopt() { :; }; source ${file}; COMP_LINE=$1 COMP_POINT=\${#1}; _stream_layered_image; printf '%s\\n' "\${COMPREPLY[@]}"`
      const found = command('bash', ['--norc', '-c', `cd ${work}; ${run}`, 'bash', whole]).split('\n')
      // Readline adds the slash.
      for (const word of expected) assert.ok(found.includes(word.replace(/\/$/, '')), `${line}: ${found}`)
    }
  })

  test('bash completes what stands behind a colon or an equals sign', { skip: skipWithout('bash') }, () => {
    const file = script('bash')
    for (const line of ['-o docker-archive:im', '--output=im', 'copy docker-archive:im']) {
      const run = `compopt() { :; }; source ${file}; COMP_LINE=$1 COMP_POINT=\${#1}; _stream_layered_image; printf '%s\\n' "\${COMPREPLY[@]}"`
      const whole = `stream-layered-image ${line}`
      assert.equal(command('bash', ['--norc', '-c', `cd ${work}; ${run}`, 'bash', whole]), 'image.tar')
    }
  })

  test('fish', { skip: skipWithout('fish') }, () => {
    const file = script('fish')
    for (const [line, expected] of LINES) {
      const run = `source ${file}; cd ${work}; complete -C 'stream-layered-image ${line}'`
      const env = { ...process.env, HOME: root }
      const found = command('fish', ['--no-config', '-c', run], { env })
        .split('\n')
        .map((it) => it.split('\t')[0]!)
      for (const word of expected) assert.ok(found.includes(word), `${line}: ${found}`)
    }
  })

  test('zsh', { skip: skipWithout('zsh') }, () => {
    const file = script('zsh')
    // A shell with a terminal, that shows what it would insert: completions only work in a line editor, which
    // reads from when it shows its prompt.
    const driver = join(root, 'driver.zsh')
    writeFileSync(
      driver,
      `zmodload zsh/zpty
zpty z zsh -f -i
ask() { zpty -w z "$1"; zpty -r -m z out "*$2*rea>dy*"; REPLY=$out }
ask 'PS1="rea>""dy"; autoload -Uz compinit; compinit -u -D; cd ${work}; source ${file}' ''
ask 'shown() { compadd -O found "$@"; print -rl -- "<$found>"; builtin compadd "$@" }; zstyle ":completion:*" list-grouped no; setopt no_list_beep; unsetopt auto_list' ''
ask 'compadd() { local -a found; builtin compadd -O found "$@"; print -rn -- "[$found]"; builtin compadd "$@" }; print be"gun"' 'begun'
for line in "$@"; do
  zpty -w -n z "stream-layered-image $line"$'\\t'
  zpty -w -n z $'\\C-uprint do""ne\\n'
  zpty -r -m z out '*done*rea>dy*'
  print -r -- "=$line=$\{out//$'\\r'/}"
done
zpty -d z
`.replaceAll('$\\{', '${'),
    )
    const env = { ...process.env, HOME: root, TERM: 'dumb' }
    const found = command('zsh', ['-f', driver, ...LINES.map(([line]) => line)], { env, timeout: 60_000 })
    for (const [i, [line, expected]] of LINES.entries()) {
      const next = LINES[i + 1]
      const start = found.indexOf(`=${line}=`)
      const part = found.slice(start, next === undefined ? undefined : found.indexOf(`=${next[0]}=`))
      for (const word of expected) assert.ok(part.includes(word.replace(/\/$/, '')), `${line}: ${part}`)
    }
  })
})
