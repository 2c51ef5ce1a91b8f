/** The real Nix, offline and without a sandbox, on expressions of this repository. */
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { command } from './clients.js'

/** The source tree, where what is not compiled stands. */
export const SOURCE = resolve(fileURLToPath(new URL('../../..', import.meta.url)))

export const LOCAL = [
  ...['--option', 'sandbox', 'false'],
  ...['--option', 'substitute', 'false'],
  ...['--option', 'build-users-group', ''],
]

/** Builds attributes of a file below test/nix. @returns their store paths, which `directory` keeps alive */
export function nixBuild(
  file: string,
  attributes: readonly string[],
  directory: string,
  args: readonly string[] = [],
  { before = [], env = process.env }: { before?: readonly string[]; env?: NodeJS.ProcessEnv } = {},
): string[] {
  const [program, ...rest] = [
    ...before,
    'nix-build',
    join(SOURCE, 'test/nix', file),
    ...attributes.flatMap((name) => ['-A', name]),
    ...args,
    ...LOCAL,
    '--out-link',
    join(directory, `result-${count++}`),
  ]
  return command(program!, rest, { timeout: 280_000, env }).split('\n')
}

let count = 0
