/** A container's configuration as Docker names its parts (Docker image specification 1.2, "config"). */
import { join } from 'node:path'
import { ImageError } from '../errors.js'
import { statIfThere } from './tree.js'

export interface ConfigOptions {
  cmd?: readonly string[] | undefined
  entrypoint?: readonly string[] | undefined
  /** `NAME=VALUE` each, as labels. */
  env?: readonly string[] | undefined
  workdir?: string | undefined
  user?: string | undefined
  label?: readonly string[] | undefined
  /** `PORT` or `PORT/PROTOCOL` each. */
  expose?: readonly string[] | undefined
  volume?: readonly string[] | undefined
  stopSignal?: string | undefined
}

/**
 * @param paths store paths in whose `bin` the program is looked up that is to run
 * @throws ImageError OPTION_INVALID naming the option
 */
export function imageConfig(options: ConfigOptions, paths: readonly string[]): Record<string, unknown> {
  const { cmd, entrypoint, env, workdir, user, label, expose, volume, stopSignal } = options
  const config = {
    Entrypoint: entrypoint && lookedUp('--entrypoint', entrypoint, paths),
    Cmd: cmd && entrypoint === undefined ? lookedUp('--cmd', cmd, paths) : cmd,
    Env: env?.map((text) => checked('--env', text, /^[^=\0]+=/, 'NAME=VALUE')),
    WorkingDir: workdir && checked('--workdir', workdir, /^\//, 'an absolute path'),
    User: user && checked('--user', user, /^[^\s:]+(:[^\s:]+)?$/, 'USER or USER:GROUP, names or numbers'),
    Labels:
      label &&
      Object.fromEntries(
        label.map((text) => splitAt(checked('--label', text, /^[^=]+=/, 'NAME=VALUE'), '=')),
      ),
    ExposedPorts: expose && Object.fromEntries(expose.map((text) => [port(text), {}])),
    Volumes:
      volume &&
      Object.fromEntries(volume.map((path) => [checked('--volume', path, /^\//, 'an absolute path'), {}])),
    StopSignal:
      stopSignal && checked('--stop-signal', stopSignal, /^(SIG[A-Z0-9+-]+|\d{1,2})$/, 'SIGNAME or a number'),
  }
  return Object.fromEntries(Object.entries(config).filter(([, value]) => value !== undefined))
}

/** The program's name as a path, where a store path has it. */
function lookedUp(
  option: string,
  [name = '', ...rest]: readonly string[],
  paths: readonly string[],
): string[] {
  if (name.includes('/')) return [name, ...rest]
  const found = paths.map((path) => join(path, 'bin', name)).find(isProgram)
  if (name !== '' && found !== undefined) return [found, ...rest]
  throw new ImageError(
    'OPTION_INVALID',
    `${option}: expected a program of ${paths.map((path) => `${path}/bin`).join(', ')}, found no ${JSON.stringify(name)}`,
    { hint: 'name the store path that has it too, or the program by its whole path' },
  )
}

function isProgram(path: string): boolean {
  const stats = statIfThere(path)
  return stats?.isFile() === true && (stats.mode & 0o111) !== 0
}

function port(text: string): string {
  const [, number, protocol = 'tcp'] = /^(\d{1,5})(?:\/(tcp|udp|sctp))?$/.exec(text) ?? []
  if (number !== undefined && Number(number) >= 1 && Number(number) <= 65535) return `${number}/${protocol}`
  throw unfit('--expose', 'PORT or PORT/tcp, /udp, /sctp', text)
}

function checked(option: string, text: string, form: RegExp, expected: string): string {
  if (form.test(text)) return text
  throw unfit(option, expected, text)
}

function splitAt(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator)
  return [text.slice(0, at), text.slice(at + 1)]
}

function unfit(option: string, expected: string, found: string): ImageError {
  return new ImageError('OPTION_INVALID', `${option}: expected ${expected}, found ${JSON.stringify(found)}`)
}
