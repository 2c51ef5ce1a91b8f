/** Engines with empty stores, all that they have in a directory of their own. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'

export interface Engine {
  name: string
  /** What clients and this project's command find it by. */
  env: NodeJS.ProcessEnv
  /** What takes an archive from a pipe. */
  load: string
  destination: string
  /** Forgets all images. */
  clear(): void
  /** Resolves when nothing is in its directory any more that cannot be removed. */
  stop(): Promise<void>
}

/** With overlay2, and without networks. */
export async function startDocker(parent: string): Promise<Engine> {
  const directory = join(parent, 'docker')
  mkdirSync(directory, { recursive: true })
  const path = (name: string): string => join(directory, name)
  writeFileSync(path('daemon.json'), '{}')
  const host = `unix://${path('socket')}`
  const child = spawn(
    'dockerd',
    [
      ...['--config-file', path('daemon.json'), '-H', host, '--pidfile', path('pid')],
      ...['--data-root', path('data'), '--exec-root', path('exec')],
      ...['--storage-driver', 'overlay2', '--bridge', 'none', '--iptables=false'],
      ...['--ip6tables=false', '--ip-forward=false', '--ip-masq=false', '--userland-proxy=false'],
    ],
    { stdio: 'ignore' },
  )
  const stop = endOf(child)
  const env = { DOCKER_HOST: host, DOCKER_CONFIG: path('cli') }
  const call = (...args: string[]): string => output('docker', args, env)
  await until('dockerd', () => call('version', '-f', '{{.Server.Version}}').trim() !== '')
  const clear = (): void => {
    for (const id of new Set(call('images', '-aq').split('\n'))) if (id !== '') call('rmi', '-f', id)
  }
  return { name: 'Docker', env, load: 'docker load', destination: 'docker-daemon:', clear, stop }
}

/** With overlay. */
export async function startPodman(parent: string): Promise<Engine> {
  const directory = join(parent, 'podman')
  mkdirSync(directory, { recursive: true })
  const storage = join(directory, 'storage.conf')
  writeFileSync(
    storage,
    `[storage]\ndriver = "overlay"\ngraphroot = "${directory}/root"\nrunroot = "${directory}/run"\n`,
  )
  const env = { CONTAINERS_STORAGE_CONF: storage }
  const clear = (): void => void output('podman', ['rmi', '-af'], env)
  return {
    ...{ name: 'podman', env, load: 'podman load', destination: 'containers-storage:' },
    // Where it finds no mount, it makes one that stays.
    ...{ clear, stop: async () => void output('umount', ['-q', join(directory, 'root', 'overlay')], env) },
  }
}

/** With overlayfs, and without what only Kubernetes needs. */
export async function startContainerd(parent: string): Promise<Engine> {
  const directory = join(parent, 'containerd')
  mkdirSync(directory, { recursive: true })
  const path = (name: string): string => join(directory, name)
  const config = [
    'version = 2',
    `root = "${path('root')}"`,
    `state = "${path('state')}"`,
    'disabled_plugins = ["io.containerd.grpc.v1.cri"]',
    `[grpc]\naddress = "${path('socket')}"`,
    `[ttrpc]\naddress = "${path('ttrpc')}"`,
  ]
  writeFileSync(path('config.toml'), config.join('\n'))
  const stop = endOf(spawn('containerd', ['--config', path('config.toml')], { stdio: 'ignore' }))
  const env = { CONTAINERD_ADDRESS: path('socket') }
  const call = (...args: string[]): string => output('ctr', args, env)
  await until('containerd', () => call('version').includes('Server:'))
  const clear = (): void => {
    for (const name of call('images', 'ls', '-q').split('\n'))
      if (name !== '') call('images', 'rm', '--sync', name)
  }
  return { name: 'containerd', env, load: 'ctr images import -', destination: 'containerd:', clear, stop }
}

function output(name: string, args: readonly string[], env: NodeJS.ProcessEnv): string {
  return spawnSync(name, args, { env: { ...process.env, ...env }, encoding: 'utf8' }).stdout
}

/** @returns what ends it; it ends with this process, too */
function endOf(child: ChildProcess): () => Promise<void> {
  const end = (): boolean => child.kill('SIGTERM')
  process.once('exit', end)
  return async () => {
    process.off('exit', end)
    end()
    await once(child, 'exit')
  }
}

async function until(what: string, ready: () => boolean): Promise<void> {
  for (let i = 0; !ready(); i++) {
    if (i > 100) throw new Error(`${what} did not start`)
    await setTimeout(100)
  }
}
