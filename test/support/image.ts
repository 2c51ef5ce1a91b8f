/** Configurations for tests, and both programs run on them. */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The bundled command; coverage is measured on its modules, which COMMAND names. */
export const CLI = process.env.COMMAND
  ? resolve(process.env.COMMAND)
  : fileURLToPath(new URL('../../command/src/main/cli.js', import.meta.url))
/** The oracle is not compiled: it stands in the source tree. */
export const ORACLE = fileURLToPath(new URL('../../../test/oracle/reference.py', import.meta.url))

export interface ConfDocument {
  architecture: string
  config: unknown
  os: string
  created: string
  mtime: string
  uid: string | number
  gid: string | number
  uname: string
  gname: string
  store_dir: string
  from_image: string | null
  repo_tag: string
  store_layers: string[][]
  customisation_layer: string
  known_layers?: string[]
}

/** Stands for text in a document that is made in two steps. */
const RAW = 'as it is'

/** A directory with a valid customisation layer, made with an archive of `content`. */
export function makeCustomisation(directory: string, content: Buffer = Buffer.alloc(10240)): string {
  mkdirSync(directory, { recursive: true })
  writeFileSync(join(directory, 'layer.tar'), content)
  writeFileSync(join(directory, 'checksum'), `${createHash('sha256').update(content).digest('hex')}\n`)
  return directory
}

/**
 * A configuration with defaults, written to `conf.json` in `directory`.
 * @param config JSON text that takes the place of the key `config`
 */
export function writeConf(directory: string, overrides: Partial<ConfDocument>, config?: string): string {
  const document: ConfDocument = {
    architecture: 'amd64',
    config: {},
    os: 'linux',
    created: '1970-01-01T00:00:01+00:00',
    mtime: '1970-01-01T00:00:01+00:00',
    uid: '0',
    gid: '0',
    uname: 'root',
    gname: 'root',
    store_dir: directory,
    from_image: null,
    repo_tag: 'test:latest',
    store_layers: [],
    customisation_layer: join(directory, 'customisation'),
    ...overrides,
  }
  if (overrides.customisation_layer === undefined) makeCustomisation(document.customisation_layer)
  const path = join(directory, 'conf.json')
  const text = JSON.stringify(config === undefined ? document : { ...document, config: [RAW] })
  writeFileSync(path, config === undefined ? text : text.replace(JSON.stringify([RAW]), () => config))
  return path
}

export interface Run {
  status: number | null
  signal: NodeJS.Signals | null
  stderr: string
  /** The path that standard output was written to. */
  output: string
}

/** Runs a program with standard output to a file. */
export function runTo(
  output: string,
  command: string,
  args: readonly string[],
  options: { env?: NodeJS.ProcessEnv; cwd?: string } = {},
): Run {
  const fd = openSync(output, 'w')
  try {
    const { status, signal, stderr } = spawnSync(command, args, {
      stdio: ['ignore', fd, 'pipe'],
      encoding: 'utf8',
      maxBuffer: 1 << 28,
      timeout: 120_000,
      killSignal: 'SIGKILL',
      ...options,
    })
    return { status, signal, stderr, output }
  } finally {
    closeSync(fd)
  }
}

export function runCli(
  conf: string,
  args: readonly string[] = [],
  options: { env?: NodeJS.ProcessEnv; cwd?: string } = {},
): Run {
  return runTo(`${conf}.ours.tar`, process.execPath, [CLI, conf, ...args], options)
}

export function runOracle(
  conf: string,
  args: readonly string[] = [],
  options: { env?: NodeJS.ProcessEnv } = {},
): Run {
  return runTo(`${conf}.oracle.tar`, 'python3', [ORACLE, conf, ...args], options)
}

export function sha256File(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex')
}
