/** Every command line of the pages about registries and CI, run against a registry on this machine. */
import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { codeBlocks } from '../docs/blocks.js'
import { command, skipWithout } from '../support/clients.js'
import { CLI } from '../support/image.js'
import { buildClosure, closureConf } from '../support/nix-closure.js'
import { startRegistry } from '../support/registry.js'
import { scratchDirectory } from '../support/scratch.js'
import { spawned } from '../support/spawned.js'

const skip = skipWithout('docker-registry', 'curl', 'nix-store', 'nix-build', 'busybox', 'htpasswd')
const root = scratchDirectory()

function blocksOf(page: string, language: string): string[][] {
  const text = readFileSync(fileURLToPath(new URL(`../../../docs/${page}`, import.meta.url)), 'utf8')
  return codeBlocks(text).flatMap((block) => (block.language === language ? [block.lines] : []))
}

/** The script of a job: what stands behind `run: |`, or the items of `script:`. */
function scriptOf(job: readonly string[]): string {
  const start = job.findIndex((line) => /^\s+(- run: \||script:)$/.test(line))
  assert.ok(start > 0)
  const indent = /^ */.exec(job[start + 1]!)![0]
  const lines = job.slice(start + 1).filter((line) => line.startsWith(indent))
  return lines.map((line) => line.slice(indent.length).replace(/^- '?|'$/g, '')).join('\n')
}

describe('the pages', { skip }, async () => {
  if (skip) return
  const closure = buildClosure(root)
  const conf = closureConf(join(root, 'app'), closure, null, 'app')
  const bin = join(root, 'bin')
  mkdirSync(bin)
  const program = join(bin, 'stream-layered-image')
  writeFileSync(program, `#!/bin/sh\nexec "${process.execPath}" "${CLI}" "$@"\n`)
  chmodSync(program, 0o755)
  for (const name of ['conf.json', 'amd64.json']) symlinkSync(conf, join(root, name))
  const document = JSON.parse(readFileSync(conf, 'utf8')) as object
  writeFileSync(join(root, 'arm64.json'), JSON.stringify({ ...document, architecture: 'arm64' }))
  const env = {
    ...process.env,
    PATH: `${bin}:${process.env.PATH}`,
    NIX_CONFIG: 'sandbox = false\nsubstitute = false\nbuild-users-group =',
  }

  async function runAll(script: string, more: NodeJS.ProcessEnv = {}): Promise<void> {
    const run = await spawned('bash', ['-eo', 'pipefail', '-c', `cd "${root}"\n${script}`], {
      ...env,
      ...more,
    })
    assert.equal(run.status, 0, `${script}: ${run.stderr}`)
  }

  test('docs/registries.md: what it pushes is there, under all names', async () => {
    const { host } = await startRegistry(join(root, 'registry'))
    for (const block of blocksOf('registries.md', 'sh'))
      await runAll(block.join('\n').replaceAll('registry.example', host))
    const tags = (repository: string): string[] =>
      (
        JSON.parse(command('curl', ['-sf', `http://${host}/v2/${repository}/tags/list`])) as {
          tags: string[]
        }
      ).tags
    assert.deepEqual(tags('team/app').sort(), ['0a1b2c3', '1.0', '1.0.1', 'latest', 'multi'])
    assert.deepEqual(tags('team/other'), ['1.0'])
  })

  const jobs = blocksOf('ci.md', 'yaml')
  for (const [i, system] of ['GitHub Actions', 'GitLab CI'].entries())
    test(`docs/ci.md: the job of ${system} builds the image and pushes it under its tags`, async () => {
      const login = 'robot:a-secret'
      const { host } = await startRegistry(join(root, `ci-${i}`), { login })
      writeFileSync(
        join(root, 'default.nix'),
        `let
           run = text: builtins.derivation {
             name = "docs";
             system = builtins.currentSystem;
             builder = "/bin/sh";
             PATH = "/usr/bin:/bin";
             args = [ "-c" text ];
           };
         in {
           myImage = run "cp ${conf} $out";
           stream-layered-image = run "mkdir -p $out/bin; cp ${program} $out/bin/stream-layered-image";
         }`,
      )
      const [user, ...password] = login.split(':') as [string, ...string[]]
      await runAll(scriptOf(jobs[i]!), {
        ...{ REGISTRY: host, REGISTRY_USER: user, REGISTRY_PASSWORD: password.join(':') },
        ...{ GITHUB_SHA: 'f'.repeat(40), GITHUB_REF_NAME: 'main', GITHUB_REPOSITORY: 'Team/App' },
        ...{ CI_REGISTRY_USER: user, CI_REGISTRY_PASSWORD: password.join(':') },
        ...{
          CI_COMMIT_SHA: 'f'.repeat(40),
          CI_COMMIT_REF_SLUG: 'main',
          CI_REGISTRY_IMAGE: `${host}/team/app`,
        },
      })
      const list = command('curl', ['-sfu', login, `http://${host}/v2/team/app/tags/list`])
      assert.deepEqual((JSON.parse(list) as { tags: string[] }).tags.sort(), ['f'.repeat(40), 'main'])
    })
})
