/** The real programs that read images, each with all its state in one directory. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after } from 'node:test'

/** The reason to skip tests that need these commands (and root), or false when all are at hand. */
export function skipWithout(...commands: string[]): string | false {
  if (process.getuid?.() !== 0) return 'needs root'
  const missing = commands.filter((command) => spawnSync('sh', ['-c', `command -v ${command}`]).status !== 0)
  return missing.length === 0 ? false : `needs ${missing.join(', ')}`
}

/** Runs a command to its end. @returns its standard output, trimmed; fails the test unless it exits with 0 */
export function command(
  name: string,
  args: readonly string[],
  options: { env?: NodeJS.ProcessEnv; input?: string; timeout?: number } = {},
): string {
  const { status, stdout, stderr, error } = spawnSync(name, args, {
    encoding: 'utf8',
    timeout: 120_000,
    maxBuffer: 1 << 28,
    ...options,
  })
  assert.equal(status, 0, `${name} ${args.join(' ')}: ${error?.message ?? ''}${stderr}${stdout}`)
  return stdout.trim()
}

export function start(
  name: string,
  args: readonly string[],
  log: string,
  env: NodeJS.ProcessEnv = {},
): ChildProcess {
  const child = spawn('sh', ['-c', 'log=$1; shift; exec "$@" > "$log" 2>&1', 'sh', log, name, ...args], {
    stdio: 'ignore',
    env: { ...process.env, ...env },
  })
  after(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const exited = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGTERM')
    const timer = setTimeout(() => child.kill('SIGKILL'), 10_000)
    await exited
    clearTimeout(timer)
  })
  return child
}

export async function until(what: string, ready: () => boolean, log: string): Promise<void> {
  for (let i = 0; i < 150; i++) {
    if (ready()) return
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  assert.fail(`${what} did not start: ${readFileSync(log, 'utf8')}`)
}

// Containers here get neither more limits nor a network than the tests need.
const LIMITS = ['--ulimit', 'nofile=1024:1024', '--ulimit', 'nproc=1024:1024']

export class Podman {
  /** What keeps its state where it belongs. */
  readonly options: string[]
  /** What others of its kind find the same images by. */
  readonly env: NodeJS.ProcessEnv

  constructor(directory: string) {
    const path = (name: string): string => join(directory, name)
    mkdirSync(directory, { recursive: true })
    const storage = ['driver = "vfs"', `graphroot = "${path('root')}"`, `runroot = "${path('run')}"`]
    writeFileSync(path('storage.conf'), `[storage]\n${storage.join('\n')}\n`)
    // buildah wants a file of credentials where one is named.
    writeFileSync(path('config.json'), '{}')
    this.env = { CONTAINERS_STORAGE_CONF: path('storage.conf'), DOCKER_CONFIG: directory }
    this.options = [
      '--root',
      path('root'),
      '--runroot',
      path('run'),
      '--tmpdir',
      path('tmp'),
      '--network-config-dir',
      path('net'),
    ]
    this.options.push(
      '--storage-driver',
      'vfs',
      '--cgroup-manager',
      'cgroupfs',
      '--events-backend',
      'none',
      '--runtime',
      'runc',
    )
  }

  call(...args: string[]): string {
    return command('podman', [...this.options, ...args])
  }

  /** @returns the IDs of all images, `sha256:…` */
  ids(): string[] {
    return this.call('images', '-q', '--no-trunc').split('\n')
  }

  run(image: string, ...args: string[]): string {
    return this.call('run', '--rm', '--network=none', ...LIMITS, image, ...args)
  }
}

export class DockerEngine {
  /** @param env what `docker` finds the engine by */
  private constructor(readonly env: NodeJS.ProcessEnv) {}

  static async start(directory: string): Promise<DockerEngine> {
    const path = (name: string): string => join(directory, name)
    mkdirSync(directory, { recursive: true })
    writeFileSync(path('daemon.json'), '{}')
    const host = `unix://${path('socket')}`
    const env = { ...process.env, DOCKER_HOST: host, DOCKER_CONFIG: path('cli') }
    const limits = LIMITS.map((text) => text.replace('--ulimit', '--default-ulimit'))
    const options = [
      '--config-file',
      path('daemon.json'),
      '-H',
      host,
      '--data-root',
      path('data'),
      '--exec-root',
      path('exec'),
      '--pidfile',
      path('pid'),
    ]
    options.push(
      '--storage-driver',
      'vfs',
      '--bridge',
      'none',
      '--iptables=false',
      '--ip6tables=false',
      '--ip-forward=false',
      '--ip-masq=false',
      '--userland-proxy=false',
    )
    start('dockerd', [...options, ...limits], path('log'), { DOCKER_TMPDIR: path('tmp') })
    await until('dockerd', () => spawnSync('docker', ['version'], { env }).status === 0, path('log'))
    return new DockerEngine(env)
  }

  call(...args: string[]): string {
    return command('docker', args, { env: this.env })
  }

  ids(): string[] {
    return this.call('images', '-q', '--no-trunc').split('\n')
  }

  run(image: string, ...args: string[]): string {
    return this.call('run', '--rm', '--network', 'none', image, ...args)
  }
}

export class Containerd {
  private constructor(private readonly address: string) {}

  static async start(directory: string): Promise<Containerd> {
    const path = (name: string): string => join(directory, name)
    mkdirSync(directory, { recursive: true })
    const config = [
      'version = 2',
      `root = "${path('root')}"`,
      `state = "${path('state')}"`,
      'disabled_plugins = ["io.containerd.grpc.v1.cri"]',
      `[grpc]\naddress = "${path('s')}"`,
      `[ttrpc]\naddress = "${path('t')}"`,
    ]
    writeFileSync(path('config.toml'), config.join('\n'))
    start('containerd', ['--config', path('config.toml')], path('log'))
    const ready = (): boolean => spawnSync('ctr', ['-a', path('s'), 'version']).status === 0
    await until('containerd', ready, path('log'))
    return new Containerd(path('s'))
  }

  call(...args: string[]): string {
    return command('ctr', ['-a', this.address, ...args])
  }

  run(image: string): string {
    return this.call('run', '--rm', '--snapshotter', 'native', image, `sli-${process.pid}`)
  }
}

/** Unpacks an image of a layout, as `DIR:TAG`, and runs it. @param root where that may be @returns what it prints */
export function runLayout(image: string, root: string): string {
  const bundle = join(root, 'bundle')
  command('umoci', ['unpack', '--image', image, bundle])
  const file = join(bundle, 'config.json')
  const config = JSON.parse(readFileSync(file, 'utf8')) as { process: { terminal: boolean } }
  config.process.terminal = false
  writeFileSync(file, JSON.stringify(config))
  return command('runc', ['--root', join(root, 'runc'), 'run', '-b', bundle, `sli-${process.pid}`])
}
