/** Nix's own program, asked about its store. */
import { ImageError } from '../errors.js'
import { askProgram } from '../programs/ask.js'

/** Longer arguments than this, in bytes, may not fit into one call (Linux: a quarter of the stack's limit). */
const ARGUMENTS = 512 << 10
/** Milliseconds after which a daemon that says nothing is taken for none. */
const PATIENCE = 60_000
/** Milliseconds between asking it to end and ending it. */
const GRACE = 500
/** Bytes of output for a path: the longest line is a path itself. */
const LINE = 300

/** Nix's own variable, or its usual place. */
export function nixStoreDir(environment: NodeJS.ProcessEnv = process.env): string {
  return environment.NIX_STORE_DIR || '/nix/store'
}

/** The Nix manual, "Store path": 32 digits of Nix's base 32, a dash, a name of at most 211 characters. */
const NAME = /^[0-9a-df-np-sv-z]{32}-[0-9a-zA-Z+\-._?=]{1,211}$/

/** Whether it is a direct child of the store's directory, of a name as Nix gives them. */
export function isStorePath(path: string, storeDir: string): boolean {
  return path.startsWith(`${storeDir}/`) && NAME.test(path.slice(storeDir.length + 1))
}

/** The paths in as many lists as arguments take. */
export function* parts(paths: readonly string[]): Generator<string[]> {
  let part: string[] = []
  let length = 0
  for (const path of paths) {
    length += path.length
    if (length > ARGUMENTS) {
      yield part
      part = []
      length = path.length
    }
    part.push(path)
  }
  if (part.length > 0) yield part
}

/**
 * Standard output's lines of `nix-store OPTIONS PATHS`, but for empty ones.
 * @param lines how many a path may have
 * @returns undefined when it cannot be run or fails
 */
export async function nixStore(
  options: readonly string[],
  paths: readonly string[],
  signal: AbortSignal | undefined,
  lines = 1,
): Promise<string[] | undefined> {
  const text = await nixStoreText(options, paths, signal, lines)
  return text?.split('\n').filter((line) => line !== '')
}

/** As {@link nixStore}, the text as it is. */
export async function nixStoreText(
  options: readonly string[],
  paths: readonly string[],
  signal: AbortSignal | undefined,
  lines = 1,
): Promise<string | undefined> {
  const answer = await askProgram({
    program: 'nix-store',
    args: [...options, ...paths],
    input: '',
    bounds: { answer: PATIENCE, grace: GRACE, output: paths.length * LINE * lines },
    fail: (message, cause) => new ImageError('STORE_PATH_INVALID', `nix-store: ${message}`, { cause }),
    signal,
  }).catch(() => undefined)
  return answer?.status === 0 ? answer.output : undefined
}
