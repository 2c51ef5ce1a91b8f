/** The command line, form by form, beside argparse itself. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { describe, test } from 'node:test'
import { readImage } from '../support/archive.js'
import { CLI, runTo, writeConf } from '../support/image.js'
import { evaluate, skipWithoutPython } from '../support/python.js'
import { scratchDirectory } from '../support/scratch.js'

const conf = writeConf(scratchDirectory(), { repo_tag: 'of:conf' })

/** Command lines, where `C` is the configuration. */
const FORMS = [
  'C -t a:b',
  'C -ta:b',
  'C -t=a:b',
  '-t=a:b C',
  '-t a:b C',
  '-ta:b C',
  'C --repo_tag a:b',
  'C --repo_tag=a:b',
  'C --repo a:b',
  'C --repo=a:b',
  'C --r=a:b',
  'C --repo=a=b',
  'C --repo_tagx',
  'C -repo_tag a',
  'C -t==a',
  'C -t =a',
  'C -ta=b',
  'C -t=a=b',
  'C -t=',
  'C -t ""',
  'C --repo_tag=',
  'C -t -a',
  'C -t=-a',
  'C -t-a',
  'C --repo_tag=-a',
  'C -t -5',
  'C -t -.5',
  'C -t -5x',
  'C -t -',
  'C -t -t',
  'C -t -t=a',
  'C -t --repo_tag=a',
  'C -t --repo',
  'C -t',
  'C -t -h',
  'C -th',
  'C -t "-a b"',
  'C -t "-t b"',
  'C -t "--x y"',
  'C "-t=a b"',
  '-t a -- C',
  '-- C',
  '-- C -t a',
  '-t -- C',
  'C -- -t',
  '--',
  '-t a',
  'C C',
  '',
]

function words(form: string): string[] {
  return [...form.matchAll(/"([^"]*)"|(\S+)/g)].map(
    ([, quoted, bare]) => quoted ?? (bare === 'C' ? conf : bare!),
  )
}

const PARSER = `
import argparse, contextlib, io
def parse(words):
    parser = argparse.ArgumentParser()
    parser.add_argument("conf")
    parser.add_argument("--repo_tag", "-t")
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            return parser.parse_args(words).repo_tag or "of:conf"
    except SystemExit as exit:
        return exit.code
`

describe('the tag and the exit status are those of argparse', { skip: skipWithoutPython }, () => {
  const expected = evaluate('parse(x)', FORMS.map(words), PARSER)
  for (const [i, form] of FORMS.entries())
    test(`${form || 'nothing at all'} → ${expected[i]}`, async () => {
      const run = runTo(`${conf}.tar`, process.execPath, [CLI, ...words(form)])
      const found = run.status === 0 ? (await readImage(run.output)).manifest[0]!.RepoTags[0] : run.status
      assert.equal(found, expected[i], run.stderr)
    })
})

test('the tag may be repeated, which argparse takes for a change of mind', async () => {
  for (const [form, names] of [
    ['C -t a:1 -t b:2', ['a:1', 'b:2']],
    ['C -t a:1 --repo=c:3 -td:4 -ta:1', ['a:1', 'c:3', 'd:4']],
    ['C -t a:1 -t ""', ['a:1']],
  ] as const) {
    const run = runTo(`${conf}.tar`, process.execPath, [CLI, ...words(form)])
    assert.deepEqual((await readImage(run.output)).manifest[0]!.RepoTags, names, run.stderr)
  }
})

test('beginnings that several options have, and values of options that take none, are wrong usage', () => {
  const refused = ['--p x', '--ver', '--c=none', '--verify=x', '--he=x', '-o', '-o -j', '-j=x', '--jobs=']
  for (const form of refused) {
    const { status, stderr } = spawnSync(process.execPath, [CLI, conf, ...words(form)], { encoding: 'utf8' })
    assert.equal(status, 2, `${form}: ${stderr}`)
    assert.match(stderr, /^error: .*\n$/, form)
  }
})

test('our own options are read alike', () => {
  for (const form of ['-j=2 -o=OUT', '--jobs=1 --out OUT', '--job 2 -oOUT']) {
    const args = words(form).map((word) => word.replace('OUT', `${conf}.out`))
    const { status, stderr } = spawnSync(process.execPath, [CLI, ...args, conf], { encoding: 'utf8' })
    assert.equal(status, 0, `${form}: ${stderr}`)
  }
})

test('bytes that are not UTF-8 are refused, U+FFFD itself is not', () => {
  const run = (tag: string): { status: number | null; stderr: string } =>
    spawnSync(
      'sh',
      ['-c', `exec "$0" "$1" "$2" -t "$(printf '${tag}')" > "$2.out"`, process.execPath, CLI, conf],
      {
        encoding: 'utf8',
      },
    )
  const { status, stderr } = run('a\\377:b')
  assert.equal(status, 2)
  assert.match(stderr, /argument 3: expected UTF-8, found "a\\udcff:b" \[OPTION_INVALID\]/)
  assert.equal(run('a\\357\\277\\275:b').status, 0)
})
