/** The NAR hashes that the Nix store's database holds: the same for the same content on every machine. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

/** Each store path's NAR hash; undefined when they are not known of all. */
export type NarHashes = Promise<ReadonlyMap<string, string> | undefined>

/** More arguments than this do not fit into one call. */
const PATHS_A_CALL = 10_000

/**
 * Asks `nix-store --query --hash` for all paths at once.
 * @returns each path's hash, as in `sha256:1b0…`; undefined when a path is not in a Nix store, or Nix not there
 */
export async function queryNarHashes(paths: readonly string[]): NarHashes {
  const hashes = new Map<string, string>()
  for (let at = 0; at < paths.length; at += PATHS_A_CALL) {
    const part = paths.slice(at, at + PATHS_A_CALL)
    const lines = await query(part)
    if (lines.length !== part.length || !lines.every((line) => /^sha256:[0-9a-z]+$/.test(line)))
      return undefined
    for (const [i, path] of part.entries()) hashes.set(path, lines[i]!)
  }
  return hashes
}

async function query(paths: readonly string[]): Promise<string[]> {
  try {
    const { stdout } = await promisify(execFile)('nix-store', ['--query', '--hash', ...paths], {
      maxBuffer: 1 << 26,
    })
    return stdout.trimEnd().split('\n')
  } catch {
    return []
  }
}
