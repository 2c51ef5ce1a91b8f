/** Pipes that nobody writes to, wherever a file is read: an error at once, or waited for with signals answered. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { command, skipWithout } from '../support/clients.js'
import { CLI, runCli, writeConf } from '../support/image.js'
import { scratchDirectory } from '../support/scratch.js'

const root = scratchDirectory()
const skip = skipWithout('mkfifo')
const conf = writeConf(root, {})
/** Nothing of this takes long: what is still there then hangs. */
const HANGS = 60_000

function pipe(...path: string[]): string {
  const file = join(root, ...path)
  command('mkfifo', [file])
  return file
}

describe('an error at once', { skip }, () => {
  const expectError = (args: readonly string[], message: RegExp): void => {
    const { status, stderr } = spawnSync(process.execPath, [CLI, ...args], {
      encoding: 'utf8',
      timeout: HANGS,
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    assert.ok(status === 1 || status === 2, `${args.join(' ')}: ${status}`)
    assert.match(stderr, message)
  }
  test('layer files, certificates, configurations of a server', () => {
    const file = pipe('file')
    const known = writeConf(join(root, 'known'), { known_layers: [file] })
    expectError([conf, '--known', file], /layer file .* found a FIFO/)
    expectError([known], /layer file .* found a FIFO/)
    expectError([conf, '-o', 'docker://localhost:1/x', '--tls-ca', file], /found a FIFO/)
    expectError(['serve', file, '--listen', '127.0.0.1:0'], /found a FIFO/)
  })
  test('the lock of a layout', () => {
    const layout = join(root, 'locked')
    mkdirSync(layout)
    pipe('locked', '.index.json.lock')
    expectError([conf, '-o', `oci:${layout}`], /cannot read the lock .* found a FIFO/)
  })
})

test('in a layout: what was recorded there is as if it had not been', { skip }, () => {
  const layout = join(root, 'layout')
  mkdirSync(layout)
  pipe('layout', '.stream-layered-image-verified.json')
  for (const tag of ['a', 'b']) {
    const { status, stderr } = runCli(conf, ['-o', `oci:${layout}:${tag}`])
    assert.equal(status, 0, stderr)
  }
})

describe('SIGTERM is answered', { skip }, () => {
  const file = pipe('waited-for')
  const waits: Record<string, string[]> = {
    'for a token': ['serve', conf, '--listen', '127.0.0.1:0', '--token', file],
    'for users': ['serve', conf, '--listen', '127.0.0.1:0', '--htpasswd', file],
    'for a certificate': ['serve', conf, '--tls-cert', file, '--tls-key', file],
    'for store paths': ['plan', '--paths-from', file, '-o', join(root, 'planned')],
    'for a registration': ['plan', `/nix/store/${'0'.repeat(32)}-x`, '--registration', file, '-o', 'planned'],
  }
  for (const [what, args] of Object.entries(waits)) test(what, () => expectStopped(args, file))
})

/** @param file a pipe: a shell can open its other end when the command has opened it */
function expectStopped(args: readonly string[], file: string): void {
  const script = `"$0" "$@" > /dev/null 2>&1 & exec 9> ${file}; kill -TERM $!; wait $!; echo $?`
  const { stdout } = spawnSync('bash', ['-c', `set -m; ${script}`, process.execPath, CLI, ...args], {
    encoding: 'utf8',
    timeout: HANGS,
  })
  assert.equal(stdout.trim(), '143')
}
