/** How verbs take store paths: one by one, from a list, with or without Nix to ask. */
import { type Command, InvalidArgumentError } from 'commander'

export interface ClosureArguments {
  pathsFrom?: string
  registration?: string
  owner?: string
  mtime?: string
  debug?: boolean
}

export function addClosureOptions(command: Command): Command {
  return command
    .option('--paths-from <FILE>', 'take store paths from a file too, one a line; - is standard input')
    .option('--registration <FILE>', "ask no store: the file has what closureInfo's registration has")
    .option('--owner <OWNER>', 'of store paths, as UID[:GID[:USER[:GROUP]]]', '0:0:root:root')
    .option('--mtime <TIME>', 'of all files, "now" or ISO 8601 (default: 1970-01-01T00:00:01Z)')
    .option('--debug', 'show stacks and causes of errors (also: DEBUG=1)')
}

/** The paths that were named, and those of the list. @throws ImageError OPTION_INVALID */
export async function namedPaths(
  paths: readonly string[],
  { pathsFrom }: ClosureArguments,
  signal: AbortSignal,
): Promise<string[]> {
  if (pathsFrom === undefined) return [...paths]
  const { readText } = await import('../files/read-whole.js')
  const from = pathsFrom === '-' ? process.stdin : pathsFrom
  const list = await readText(from, 'OPTION_INVALID', `--paths-from: cannot read ${pathsFrom}`, signal)
  return [...paths, ...list.split('\n').filter((line) => line !== '')]
}

/** Gathers the values of an option that is repeated. */
export function gather(value: string, before: string[] = []): string[] {
  return [...before, value]
}

export function wholeNumber(given: string): number {
  if (/^\d{1,9}$/.test(given) && Number(given) > 0) return Number(given)
  throw new InvalidArgumentError(`expected a whole number from 1, found "${given}".`)
}
