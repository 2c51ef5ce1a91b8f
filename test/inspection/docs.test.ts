/** The page about inspecting shows what the commands print. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { codeBlocks } from '../docs/blocks.js'
import { skipWithout } from '../support/clients.js'
import { CLI } from '../support/image.js'
import { scratchDirectory } from '../support/scratch.js'
import { nixImage, nixRegistration, writeTarImage } from '../support/tar-image.js'

const page = readFileSync(fileURLToPath(new URL('../../../docs/inspecting.md', import.meta.url)), 'utf8')

/** The commands of a console block, each with what it prints. */
function* commandsOf(lines: readonly string[]): Generator<{ command: string; expected: string[] }> {
  const starts = lines.flatMap((line, i) => (line.startsWith('$ ') ? [i] : []))
  for (const [n, start] of starts.entries())
    yield { command: lines[start]!.slice(2), expected: lines.slice(start + 1, starts[n + 1]) }
}

test('docs/inspecting.md: every command prints what the page shows', { skip: skipWithout('jq') }, () => {
  const root = scratchDirectory()
  writeTarImage(join(root, 'app.tar'), nixImage(['app:1.0']))
  writeTarImage(join(root, 'next.tar'), nixImage(['app:1.1'], '1.1'))
  writeFileSync(join(root, 'registration'), nixRegistration())
  mkdirSync(join(root, 'bin'))
  const program = join(root, 'bin/stream-layered-image')
  writeFileSync(program, `#!/bin/sh\nexec '${process.execPath}' '${CLI}' "$@"\n`, { mode: 0o755 })
  const env = { ...process.env, PATH: `${join(root, 'bin')}:${process.env.PATH}` }
  const commands = codeBlocks(page).flatMap(({ language, lines }) =>
    language === 'console' ? [...commandsOf(lines)] : [],
  )
  assert.ok(commands.length > 0)
  for (const { command, expected } of commands) {
    const { stdout, stderr } = spawnSync('bash', ['-c', command], { cwd: root, env, encoding: 'utf8' })
    assert.deepEqual(stdout.trimEnd().split('\n'), expected, `${command}: ${stderr}`)
  }
})
