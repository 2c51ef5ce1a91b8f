import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { closeSync, constants, openSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { printable } from '../../src/report/log.js'
import { documents, makeTar, type TarMember } from '../support/base.js'
import { CLI, runCli, sha256File, writeConf } from '../support/image.js'
import { evaluate, skipWithoutPython } from '../support/python.js'
import { scratchDirectory } from '../support/scratch.js'

const root = scratchDirectory()

/** What each name must be shown as. */
const SHOWN: [string, string][] = [
  ['plain name, é 日本 😀 \\ "\'', 'plain name, é 日本 😀 \\ "\''],
  ['red \x1b[31m', 'red \\x1b[31m'],
  ['title \x1b]0;x\x07', 'title \\x1b]0;x\\x07'],
  ['c1 \x9b31m \x90 \x85', 'c1 \\x9b31m \\x90 \\x85'],
  ['back\rover', 'back\\rover'],
  ['line\n::error::no', 'line\\n::error::no'],
  ['crlf\r\n##[error]no', 'crlf\\r\\n##[error]no'],
  ['tab\t\v\f\b\x7f', 'tab\\t\\x0b\\x0c\\x08\\x7f'],
  [
    'bidi \u202egnp.\u202c \u2066x\u2069 \u200f\u061c',
    'bidi \\u202egnp.\\u202c \\u2066x\\u2069 \\u200f\\u061c',
  ],
  ['separators \u2028\u2029', 'separators \\u2028\\u2029'],
  ['nothing \u200b\ufeff\u00ad\u{e0041}', 'nothing \\u200b\\ufeff\\xad\\U000e0041'],
  ['bytes \udcff\udc80 \ud800', 'bytes \\udcff\\udc80 \\ud800'],
]

test('what is not printable is shown escaped, what is keeps its bytes', () => {
  for (const [name, shown] of SHOWN) assert.equal(printable(name), shown)
})

test('escapes are those of repr, for every character', { skip: skipWithoutPython }, () => {
  const text = `${Array.from({ length: 0x3100 }, (_, i) => String.fromCharCode(i)).join('')}\ud800\u{e0001}\u{10ffff}`
  const [expected] = evaluate(`''.join(c if c in "\\\\\\"'" else repr(c)[1:-1] for c in x)`, [text])
  assert.equal(printable(text), expected)
})

/** Runs the command to its end. @returns its lines on standard error */
function lines(args: string[]): string[] {
  const { stderr } = spawnSync(process.execPath, [CLI, ...args], { encoding: 'utf8', maxBuffer: 1 << 28 })
  assert.ok(stderr.endsWith('\n'))
  return stderr.slice(0, -1).split('\n')
}

function onBase(layers: TarMember[]): string {
  const base = makeTar(join(root, 'base.tar'), [...layers, ...documents({ layers })])
  return writeConf(root, { from_image: base })
}

describe('names from a base archive', { skip: skipWithoutPython }, () => {
  test('in the line of its layer', () => {
    const conf = onBase(
      SHOWN.filter(([name]) => name.isWellFormed()).map(([name]) => ({ name, data: name.length.toString() })),
    )
    const expected = SHOWN.filter(([name]) => name.isWellFormed()).map(
      ([, shown], i) => `Adding base layer ${i + 1} from ${shown}`,
    )
    assert.deepEqual(lines([conf]).slice(0, expected.length), expected)
  })

  test('in an error, its hint and its stack', () => {
    const name = '\n::error::\x1b[31m\u202e'
    const layers = [{ name: 'there', data: 'x' }]
    const base = makeTar(join(root, 'broken.tar'), [
      ...layers,
      ...documents({ layers: [{ name, data: 'x' }] }),
    ])
    for (const args of [
      [],
      ['--debug'],
      ['-o', join(root, 'out')],
      ['-o', `oci:${join(root, 'dir')}`, '--debug'],
    ]) {
      const all = lines([writeConf(root, { from_image: base }), ...args])
      assert.ok(
        all.some((line) => line.includes('\\n::error::\\x1b[31m\\u202e')),
        all.join('\n'),
      )
      for (const line of all) {
        assert.equal(line, printable(line))
        assert.doesNotMatch(line, /^\s*::/)
      }
    }
  })
})

test('names from the command line and the configuration', () => {
  const name = '\n::error::\x1b[31m'
  const broken = join(root, 'broken.json')
  writeFileSync(broken, `{"a": ${name}`)
  const conf = writeConf(root, { from_image: name })
  for (const args of [[`--${name}`], [join(root, name)], [conf, '-o', `dir${name}:x`], [conf], [broken]])
    for (const line of lines([...args, '--debug'])) {
      assert.equal(line, printable(line))
      assert.doesNotMatch(line, /^\s*::/)
    }
})

test('standard error that nobody reads holds up nothing', () => {
  const paths = Array.from({ length: 200 }, (_, i) => join(root, `file-${i}`))
  for (const path of paths) writeFileSync(path, path)
  const conf = writeConf(root, { store_layers: paths.map((path) => [path]) })
  const expected = runCli(conf)
  const fifo = join(root, 'errors')
  execFileSync('mkfifo', [fifo])
  const fd = openSync(fifo, constants.O_RDWR | constants.O_NONBLOCK)
  try {
    assert.throws(
      () => {
        for (;;) writeSync(fd, '.')
      },
      { code: 'EAGAIN' },
    )
    // Opened by a shell, the descriptor blocks.
    const shell = `exec "$0" "$@" 2> ${fifo}`
    const args = ['-c', shell, process.execPath, CLI, conf, '-o', join(root, 'image.tar')]
    const { status, signal } = spawnSync('sh', args, { timeout: 120_000 })
    assert.deepEqual({ status, signal }, { status: 0, signal: null })
  } finally {
    closeSync(fd)
  }
  assert.equal(sha256File(join(root, 'image.tar')), sha256File(expected.output))
})
