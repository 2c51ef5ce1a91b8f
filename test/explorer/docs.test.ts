/** The page about exploring: its commands do what it says. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { codeBlocks } from '../docs/blocks.js'
import { skipWithout } from '../support/clients.js'
import { CLI, writeConf } from '../support/image.js'
import { scratchDirectory } from '../support/scratch.js'
import { nixImage, nixRegistration, writeTarImage } from '../support/tar-image.js'

const page = readFileSync(fileURLToPath(new URL('../../../docs/exploring.md', import.meta.url)), 'utf8')

test('docs/exploring.md: every command runs, and writes its file', { skip: skipWithout('jq') }, () => {
  const root = scratchDirectory()
  writeTarImage(join(root, 'app.tar'), nixImage(['app:1.0']))
  writeTarImage(join(root, 'next.tar'), nixImage(['app:1.1'], '1.1'))
  writeFileSync(join(root, 'registration'), nixRegistration())
  mkdirSync(join(root, 'store/path'), { recursive: true })
  writeConf(root, { store_dir: join(root, 'store'), store_layers: [[join(root, 'store/path')]] })
  mkdirSync(join(root, 'bin'))
  const program = join(root, 'bin/stream-layered-image')
  writeFileSync(program, `#!/bin/sh\nexec '${process.execPath}' '${CLI}' "$@"\n`, { mode: 0o755 })
  const env = { ...process.env, PATH: `${join(root, 'bin')}:${process.env.PATH}` }
  const lines = codeBlocks(page).flatMap(({ lines }) => lines)
  assert.ok(lines.length >= 8)
  for (const line of lines) {
    rmSync(join(root, 'app.html'), { force: true })
    const { status, stdout, stderr } = spawnSync('bash', ['-c', line], { cwd: root, env, encoding: 'utf8' })
    assert.equal(status, 0, `${line}: ${stderr}`)
    if (line.includes('--html'))
      assert.match(readFileSync(join(root, 'app.html'), 'utf8'), /^<!doctype html>/)
    if (line.startsWith('jq')) assert.match(stdout, /\d/)
  }
})
