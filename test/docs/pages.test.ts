/** Pages that are made from the program, or tell what it does, are true: codes, options, examples, links. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { command, skipWithout } from '../support/clients.js'
import { CLI, writeConf } from '../support/image.js'
import { scratchDirectory } from '../support/scratch.js'
import { codeBlocks } from './blocks.js'
import { optionsPage, PAGE } from './options.js'

const PROJECT = fileURLToPath(new URL('../../../', import.meta.url))
const pages = [
  ...readdirSync(join(PROJECT, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
  ...['README.md', 'CONTRIBUTING.md', 'SECURITY.md'],
]
const root = scratchDirectory()
const read = (page: string): string => readFileSync(join(PROJECT, page), 'utf8')

test('docs/options.md is what help shows', () => {
  assert.equal(readFileSync(PAGE, 'utf8'), optionsPage(), 'npm run options writes it')
})

test('docs/troubleshooting.md has every code once, and no other', () => {
  const source = read('src/errors.ts')
  const known = [...source.matchAll(/^ {2}\| '([A-Z_]+)'/gm)].map(([, code]) => code!)
  assert.ok(known.length > 20)
  const told = [...read('docs/troubleshooting.md').matchAll(/^\| `([A-Z_]+)` /gm)].map(([, code]) => code!)
  assert.deepEqual(told.toSorted(), known.toSorted())
})

test('links between pages lead to a file, and to a heading of it', () => {
  const anchors = (page: string): string[] =>
    [...read(page).matchAll(/^#+ (.*)$/gm)].map(([, heading]) =>
      heading!
        .toLowerCase()
        .replaceAll(/[^\w\- ]/g, '')
        .replaceAll(' ', '-'),
    )
  for (const page of pages) {
    for (const [, target] of read(page).matchAll(/\]\(([^)]+)\)/g)) {
      if (/^https?:/.test(target!)) continue
      const [file, anchor] = target!.split('#')
      const path = file === '' ? page : join(dirname(page), file!)
      assert.ok(existsSync(join(PROJECT, path)), `${page}: ${target}`)
      if (anchor !== undefined) assert.ok(anchors(path).includes(anchor), `${page}: ${target}`)
    }
  }
})

test('README: its recipe is that of docs/closures.md, where it is run', () => {
  const [recipe] = codeBlocks(read('README.md')).filter(({ language }) => language === 'sh')
  const known = codeBlocks(read('docs/closures.md')).flatMap(({ lines }) => lines)
  assert.ok(recipe!.lines.length >= 3)
  for (const line of recipe!.lines) assert.ok(known.includes(line), line)
})

test('README has no more than 150 lines, and leads to every page', () => {
  const text = read('README.md')
  assert.ok(text.split('\n').length <= 150)
  for (const page of pages.filter((name) => name.startsWith('docs/'))) assert.ok(text.includes(page), page)
})

test('examples of docs/library.md compile as they stand there', () => {
  const work = join(root, 'library')
  mkdirSync(join(work, 'node_modules', '@types'), { recursive: true })
  symlinkSync(PROJECT, join(work, 'node_modules', 'stream-layered-image'))
  symlinkSync(join(PROJECT, 'node_modules/@types/node'), join(work, 'node_modules/@types/node'))
  const examples = codeBlocks(read('docs/library.md')).filter(({ language }) => language === 'ts')
  assert.ok(examples.length >= 4)
  for (const [i, { lines }] of examples.entries())
    writeFileSync(join(work, `example-${i}.mts`), lines.join('\n'))
  const settings = { extends: join(PROJECT, 'tsconfig.json'), include: ['*.mts'] }
  const compilerOptions = { rootDir: '.', noEmit: true, preserveSymlinks: true }
  writeFileSync(join(work, 'tsconfig.json'), JSON.stringify({ ...settings, compilerOptions }))
  command(join(PROJECT, 'node_modules/.bin/tsc'), ['-p', work])
})

test('the failure of docs/troubleshooting.md is what the command says', () => {
  const [sample] = codeBlocks(read('docs/troubleshooting.md'))
  const work = join(root, 'failing')
  mkdirSync(work)
  const { status, stderr } = spawnSync(process.execPath, [CLI, 'conf.json'], { cwd: work, encoding: 'utf8' })
  assert.deepEqual([status, stderr.trimEnd().split('\n')], [1, sample!.lines])
})

test('lines of pages that are not run themselves are those of the README, which is', () => {
  const known = codeBlocks(read('README.md')).flatMap(({ lines }) =>
    lines.map((line) => line.replace(/\s+# .*$/, '')),
  )
  for (const page of ['docs/trust.md', 'docs/faq.md', 'docs/format.md'])
    for (const { lines } of codeBlocks(read(page)))
      for (const line of lines) assert.ok(known.includes(line), `${page}: ${line}`)
})

describe('command lines', { skip: skipWithout('bash') }, () => {
  test('docs/caches.md', () => {
    const work = join(root, 'caches')
    mkdirSync(join(work, 'bin'), { recursive: true })
    writeFileSync(
      join(work, 'bin/stream-layered-image'),
      `#!/bin/sh\nexec '${process.execPath}' '${CLI}' "$@"\n`,
      {
        mode: 0o755,
      },
    )
    writeFileSync(join(work, 'path'), 'contents')
    writeConf(work, { store_layers: [[join(work, 'path')]] })
    const env = {
      ...process.env,
      PATH: `${work}/bin:${process.env.PATH}`,
      XDG_CACHE_HOME: join(work, 'cache'),
    }
    for (const { lines } of codeBlocks(read('docs/caches.md')).filter(({ language }) => language === 'sh'))
      command('bash', ['-euc', `cd '${work}'\n${lines.join('\n')}`], { env })
    for (const path of ['image.tar', 'layout/index.json', 'cache/stream-layered-image'])
      assert.ok(existsSync(join(work, path)), path)
  })
})
