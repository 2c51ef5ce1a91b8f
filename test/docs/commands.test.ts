/** The documentation's command lines and examples are run as they stand there. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { DockerEngine, skipWithout } from '../support/clients.js'
import { CLI, ORACLE, runCli } from '../support/image.js'
import { buildClosure, closureConf } from '../support/nix-closure.js'
import { scratchDirectory } from '../support/scratch.js'
import { type Block, codeBlocks } from './blocks.js'
import { STEPS, type Step } from './commands.js'

const PROJECT = fileURLToPath(new URL('../../../', import.meta.url))
/** What is in docs/ is run beside what it tells of. */
const DOCUMENTS = ['README.md']

/** Blocks of `sh` are recipes of docs/closures.md, and run with that page. */
const SHELL = ['', 'bash', 'console']
const blocks = DOCUMENTS.flatMap((name) =>
  codeBlocks(readFileSync(join(PROJECT, name), 'utf8')).map((block) => ({ name, ...block })),
)
const commandBlocks = blocks.filter(({ language }) => SHELL.includes(language))
const examples = blocks.filter(({ language }) => language === 'ts')

/** A command line without the prompt and the comment. */
const bare = (line: string): string => line.replace(/^\$ /, '').replace(/\s+# .*$/, '')

/** What a block's lines stand for. */
function stepsOf({ lines }: Block): [string, Step][] {
  return lines.filter((line) => line !== '').map((line) => [bare(line), STEPS[bare(line)] ?? {}])
}

const scratch = scratchDirectory()
const work = join(scratch, 'work')
let env: NodeJS.ProcessEnv

/** The command on PATH, a closure of real store paths, and an image of it for Nix to build, as nixpkgs does. */
async function prepare(): Promise<void> {
  for (const name of ['bin', 'tmp']) mkdirSync(join(scratch, name))
  writeFileSync(
    join(scratch, 'bin/stream-layered-image'),
    `#!/bin/sh\nexec '${process.execPath}' '${CLI}' "$@"\n`,
    {
      mode: 0o755,
    },
  )
  const closure = buildClosure(scratch)
  const conf = closureConf(work, closure, null, 'docs')
  assert.equal(runCli(conf).status, 0)
  cpSync(`${conf}.ours.tar`, join(work, 'expected.tar'))
  mkdirSync(join(work, 'node_modules'))
  symlinkSync(PROJECT, join(work, 'node_modules/stream-layered-image'))
  const script = `#!/bin/sh\\nexec python3 ${ORACLE} %s "$@"\\n`
  writeFileSync(
    join(work, 'default.nix'),
    `{ myImage = builtins.derivation {
         name = "stream-docs";
         system = builtins.currentSystem;
         builder = "/bin/sh";
         PATH = "/usr/bin:/bin";
         conf = builtins.toFile "docs-conf.json" (builtins.readFile ./conf.json);
         args = [ "-c" ''printf '${script}' "$conf" > $out; chmod +x $out'' ];
       }; }`,
  )
  const engine = await DockerEngine.start(join(scratch, 'docker'))
  env = {
    ...engine.env,
    PATH: `${join(scratch, 'bin')}:${process.env.PATH}`,
    NIX_CONFIG: 'sandbox = false\nsubstitute = false\nbuild-users-group =',
    npm_config_prefer_offline: 'true',
    TMPDIR: join(scratch, 'tmp'),
    // A test run inside of a test run would do nothing.
    NODE_TEST_CONTEXT: undefined,
  }
}

function run(script: string, cwd: string): void {
  const { status, stdout, stderr } = spawnSync('bash', ['-c', `set -euo pipefail\n${script}`], {
    cwd,
    env,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    timeout: 280_000,
  })
  assert.equal(status, 0, `${script}\n${stdout.slice(-2000)}${stderr.slice(-2000)}`)
}

test('every command line is known, and none is known that is not there', () => {
  const lines = commandBlocks.flatMap(stepsOf).map(([line]) => line)
  assert.deepEqual(new Set(lines), new Set(Object.keys(STEPS)))
})

test('every other block is an example of the library, a recipe or a picture', () => {
  const others = blocks.filter((block) => !commandBlocks.includes(block) && !examples.includes(block))
  assert.deepEqual(new Set(others.map(({ language }) => language)), new Set(['mermaid', 'sh']))
})

test('on an image of real store paths', {
  skip: skipWithout('nix-store', 'nix-build', 'busybox', 'dockerd', 'docker', 'jq', 'python3'),
}, async (t) => {
  await prepare()
  for (const block of commandBlocks) {
    const steps = stepsOf(block)
    const needs = steps.flatMap(([, step]) => step.needs ?? [])
    const script = steps.flatMap(([text, { as, check }]) => [as ?? text, check ?? '']).join('\n')
    const atCheckout = steps.some(([, step]) => step.at === 'checkout')
    await t.test(`${block.name}:${block.line}: ${steps[0]?.[0]}`, { skip: skipWithout(...needs) }, () =>
      run(script, atCheckout ? checkout() : work),
    )
  }
  for (const { name, line, lines } of examples)
    await t.test(`${name}:${line}: an example of the library`, () => {
      writeFileSync(join(work, 'example.mjs'), lines.join('\n'))
      run(`'${process.execPath}' example.mjs > example.tar && cmp example.tar expected.tar`, work)
    })
})

/** The project's files, without what is made from them; the same copy for all blocks. */
function checkout(): string {
  const copy = join(scratch, 'checkout')
  if (existsSync(copy)) return copy
  const filter = (path: string): boolean =>
    !['node_modules', 'dist', 'coverage', '.git'].includes(basename(path)) || path === PROJECT
  cpSync(PROJECT, copy, { recursive: true, filter })
  return copy
}
