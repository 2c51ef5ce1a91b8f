/** What people see in a terminal, and what logs get. */
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { stripVTControlCharacters } from 'node:util'
import stringWidth from 'string-width'
import { CLI, runCli, sha256File, writeConf } from '../support/image.js'
import { skipWithoutPython } from '../support/python.js'
import { scratchDirectory } from '../support/scratch.js'

const TERMINAL = fileURLToPath(new URL('../../../test/support/terminal.py', import.meta.url))
const root = scratchDirectory()
const store = join(root, 'store')
mkdirSync(store)
const paths = ['glibc-2.38', '日本語のパッケージ', 'bash-5.2'].map((name) =>
  join(store, `${'0'.repeat(32)}-${name}`),
)
for (const path of paths) writeFileSync(path, path.repeat(1000))
const conf = writeConf(root, { store_layers: paths.map((path) => [path]) })
const huge = writeConf(directory('huge'), { store_dir: root, store_layers: [[bigFile()]] })

function directory(name: string): string {
  mkdirSync(join(root, name))
  return join(root, name)
}

/** A layer that takes longer than any test. */
function bigFile(): string {
  const path = join(root, 'a-large-file')
  execFileSync('truncate', ['-s', '400G', path])
  return path
}

interface Shown {
  status: number
  /** All that came, with its control sequences. */
  raw: string
  /** Frames without control sequences, of no lines where one was taken away. */
  frames: string[][]
  /** What stands below the last frame. */
  rest: string
}

const FRAME = /\x1b\[\?2026h(.*?)\x1b\[\?2026l/gs

function inTerminal(
  args: string[],
  more: { columns?: number; keys?: string; env?: NodeJS.ProcessEnv } = {},
): Shown {
  const { columns = 80, keys = '', env = {} } = more
  const file = join(root, 'status')
  const { stdout, stderr } = spawnSync(
    'python3',
    [TERMINAL, String(columns), keys, file, process.execPath, CLI, ...args],
    {
      encoding: 'utf8',
      timeout: 60_000,
      env: { ...process.env, TERM: 'xterm', NO_COLOR: undefined, ...env },
    },
  )
  assert.equal(stderr, '')
  const raw = stdout.replaceAll('\r\n', '\n')
  const frames = [...raw.matchAll(FRAME)].map(([, text = '']) =>
    stripVTControlCharacters(text)
      .split('\n')
      .filter((line) => line !== ''),
  )
  const rest = raw.split('\x1b[?2026l').at(-1)!
  return { status: Number(readFileSync(file, 'utf8')), raw, frames, rest }
}

describe('in a terminal', { skip: skipWithoutPython }, () => {
  for (const columns of [40, 80, 200])
    test(`a live block of ${columns} columns, which Ctrl-C takes away`, () => {
      const output = join(root, `stopped-${columns}.tar`)
      const { status, raw, frames, rest } = inTerminal([huge, '-o', output], { columns, keys: '\x03' })
      assert.equal(status, 130)
      assert.ok(frames[0]!.length >= 1)
      for (const line of frames.flat()) assert.ok(stringWidth(line) < columns, line)
      assert.equal(rest, '')
      assert.deepEqual(frames.at(-1), [])
      assert.ok(raw.lastIndexOf('\x1b[?25h') > raw.lastIndexOf('\x1b[?25l'))
      assert.match(raw, /to \S+stopped/)
      assert.deepEqual(
        readdirSync(root).filter((name) => name.includes('stopped')),
        [],
      )
    })

  test('an error stands where the block was', () => {
    const broken = writeConf(directory('broken'), {
      store_dir: root,
      store_layers: [[join(root, 'a-large-file')], [join(root, 'none')]],
    })
    const { status, rest, frames } = inTerminal([broken, '-o', join(root, 'broken.tar')])
    assert.equal(status, 1)
    assert.match(rest, /^stream-layered-image: error: [^\x1b]*\[FILE_UNREADABLE\]\n/)
    assert.deepEqual(frames.at(-1) ?? [], [])
  })

  test('a summary of a few lines, and no JSON unless it is asked for', () => {
    const { status, rest } = inTerminal([conf, '-o', `oci:${join(root, 'layout')}`])
    assert.equal(status, 0)
    assert.match(
      rest,
      /^oci:\S+layout: 4 layers, 0 there already, 4 uploaded \(.*\)\nmanifest sha256:\w{64}\ndone in .* s\n$/,
    )
    const asked = inTerminal([conf, '-o', `oci:${join(root, 'layout')}`, '--json'])
    assert.match(
      asked.rest,
      /^oci:\S+layout: 4 layers, 4 there already, 0 uploaded \(0 B\)\n[\s\S]*\n\{"imageId".*\}\n$/,
    )
    assert.equal(inTerminal([conf, '-o', `oci:${join(root, 'layout')}`, '-q']).raw, '')
  })

  test('the image on standard output is the same below a block', () => {
    const output = join(root, 'piped.tar')
    const { status, rest } = inTerminal([conf], { env: { OUT: output } })
    assert.equal(status, 0)
    assert.match(rest, /^standard output: 4 layers, .*\nimage ID sha256:\w{64}\n/)
    assert.equal(sha256File(output), sha256File(runCli(conf).output))
  })

  test('colours, unless NO_COLOR is there', () => {
    const run = (env: NodeJS.ProcessEnv) =>
      inTerminal([huge, '-o', join(root, 'x.tar')], { keys: '\x03', env }).raw
    const colour = /\x1b\[\d*m/
    assert.match(run({}), colour)
    assert.doesNotMatch(run({ NO_COLOR: '1' }), colour)
  })

  test('lines where a block is not wanted or not possible', () => {
    for (const [args, env] of [
      [['--progress', 'plain'], {}],
      [[], { TERM: 'dumb' }],
    ] as const) {
      const { raw } = inTerminal([conf, '-o', join(root, 'plain.tar'), ...args], { env })
      assert.match(raw, /^Layer \d: written, \d+ kB, \/.*/m)
      assert.doesNotMatch(raw, /\x1b/)
    }
  })
})

interface Ran {
  stdout: string
  lines: string[]
}

function cli(args: string[]): Ran {
  const { status, stdout, stderr } = spawnSync(process.execPath, [CLI, ...args], { encoding: 'utf8' })
  assert.equal(status, 0, stderr)
  return { stdout, lines: stderr.split('\n').slice(0, -1) }
}

describe('in a log', () => {
  const layout = `oci:${join(root, 'logged')}`

  test('a line for each layer that had to be made, with its path and size, and the result as JSON', () => {
    const { stdout, lines } = cli([conf, '-o', layout])
    const made = lines.filter((line) => line.startsWith('Layer '))
    assert.equal(made.length, 4)
    for (const path of paths) assert.equal(made.filter((line) => line.endsWith(`B, ${path}`)).length, 1)
    assert.equal((JSON.parse(stdout) as { layers: unknown[] }).layers.length, 4)
  })

  test('layers that were there only with -v', () => {
    assert.deepEqual(
      cli([conf, '-o', layout]).lines.filter((line) => line.startsWith('Layer ')),
      [],
    )
    const lines = cli([conf, '-o', layout, '-v']).lines.filter((line) => line.startsWith('Layer '))
    assert.equal(lines.length, 4)
    for (const line of lines) assert.match(line, /^Layer \d: skipped, /)
  })

  test('--progress none leaves a summary, -q nothing', () => {
    const none = cli([conf, '-o', layout, '--progress', 'none']).lines
    assert.match(none.join('\n'), /^oci:.*\nmanifest sha256:\w+\ndone in .* s$/)
    assert.deepEqual(cli([conf, '-o', layout, '-q']).lines, [])
  })

  test('--json with an image on standard output is wrong usage', () => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [CLI, conf, '--json'], {
      encoding: 'utf8',
    })
    assert.deepEqual([status, stdout], [2, ''])
    assert.match(stderr, /--json: standard output takes the image \[OPTION_INVALID\]/)
    assert.equal(existsSync(join(root, '--json')), false)
  })
})
