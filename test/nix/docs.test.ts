/** Every command line of the documents about Nix, in order, in one directory a document. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { command, DockerEngine, skipWithout } from '../support/clients.js'
import { CLI } from '../support/image.js'
import { LOCAL, SOURCE } from '../support/nix.js'
import { scratchDirectory } from '../support/scratch.js'

const root = scratchDirectory()

function program(name: string, text: string): void {
  writeFileSync(join(root, 'bin', name), `#!/bin/sh\n${text}\n`, { mode: 0o755 })
}

const skip = skipWithout('nix-build', 'busybox', 'jq', 'dockerd', 'docker')

describe('documents', { skip }, async () => {
  if (skip) return
  const docker = await DockerEngine.start(join(root, 'docker'))
  for (const document of ['nix.md', 'closures.md', 'remote-builders.md']) {
    test(document, () => {
      mkdirSync(join(root, 'bin'), { recursive: true })
      program('stream-layered-image', `exec ${process.execPath} ${CLI} "$@"`)
      program('nix-build', `exec /usr/bin/nix-build "$@" ${LOCAL.map((word) => `'${word}'`).join(' ')}`)
      const work = join(root, document)
      mkdirSync(work)
      const busybox = command('nix-store', ['--add', '/bin/busybox'])
      writeFileSync(
        join(work, 'default.nix'),
        `import ${SOURCE}/test/nix/docs.nix { busybox = "${busybox}"; nodeProgram = "${CLI}"; }\n`,
      )
      const lines = readFileSync(join(SOURCE, 'docs', document), 'utf8')
        .replaceAll(/^```.*?^```/gms, '')
        .split('\n')
        .filter((line) => line.startsWith('    '))
      assert.ok(lines.length >= 4)
      for (const line of lines) {
        const { status, stderr } = spawnSync('bash', ['-o', 'pipefail', '-c', line], {
          cwd: work,
          encoding: 'utf8',
          timeout: 120_000,
          env: { ...docker.env, PATH: `${join(root, 'bin')}:${process.env.PATH}` },
        })
        assert.equal(status, 0, `${line}\n${stderr}`)
      }
    })
  }
})
