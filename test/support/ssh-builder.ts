/** A second Nix store as a remote builder: over ssh on loopback, with keys and a port of its own. */

import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { command, start, until } from './clients.js'
import { freePort } from './registry.js'

export interface Machine {
  /** Runs a command where /nix is the machine's own. */
  run(...words: string[]): string
}

/** A machine that shares everything with this one but /nix. */
export function makeMachine(directory: string): Machine & { script: string } {
  mkdirSync(join(directory, 'nix/store'), { recursive: true })
  mkdirSync(join(directory, 'nix/var'), { recursive: true })
  const script = join(directory, 'on-machine')
  const settings = ['sandbox = false', 'substitute = false', 'build-users-group =', 'require-sigs = false']
  const lines = [
    '#!/bin/sh',
    `export NIX_CONFIG='${settings.join('\n')}' NIX_REMOTE=local`,
    `exec unshare --mount sh -c 'mount --bind ${directory}/nix /nix && exec "$@"' sh "$@"`,
  ]
  writeFileSync(script, `${lines.join('\n')}\n`, { mode: 0o755 })
  return { script, run: (...words) => command(script, words, { timeout: 200_000 }) }
}

export interface Builder {
  machine: Machine
  /** Options of nix-build that have everything built there, and the environment that ssh needs. */
  options: string[]
  env: NodeJS.ProcessEnv
}

export async function startBuilder(directory: string): Promise<Builder> {
  const path = (name: string): string => join(directory, name)
  const machine = makeMachine(directory)
  writeFileSync(path('nix-store'), `#!/bin/sh\nexec ${machine.script} nix-store "$@"\n`, { mode: 0o755 })
  for (const name of ['host-key', 'key'])
    command('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', path(name)])
  command('cp', [path('key.pub'), path('authorized')])
  // Where sshd's unprivileged part lives.
  mkdirSync('/run/sshd', { recursive: true })
  const port = await freePort()
  const config = [
    `ListenAddress 127.0.0.1:${port}`,
    `HostKey ${path('host-key')}`,
    `AuthorizedKeysFile ${path('authorized')}`,
    `PidFile ${path('pid')}`,
    'UsePAM no',
    'StrictModes no',
    'PasswordAuthentication no',
    'PermitRootLogin prohibit-password',
  ]
  writeFileSync(path('sshd_config'), `${config.join('\n')}\n`)
  start('/usr/sbin/sshd', ['-D', '-e', '-f', path('sshd_config')], path('log'))
  const options = ['-F', 'none', '-p', String(port), '-o', 'StrictHostKeyChecking=accept-new']
  options.push('-o', `UserKnownHostsFile=${path('known-hosts')}`)
  const ready = (): boolean =>
    spawnSync('ssh', [...options, '-i', path('key'), 'root@127.0.0.1', 'true']).status === 0
  await until('sshd', ready, path('log'))
  const builder = `ssh://root@127.0.0.1?remote-program=${path('nix-store')} - ${path('key')} 4 1`
  return {
    machine,
    options: ['--option', 'builders', builder, '--max-jobs', '0'],
    env: { ...process.env, NIX_SSHOPTS: options.join(' ') },
  }
}
