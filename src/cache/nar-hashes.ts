/** The NAR hashes that the Nix store's database holds: the same for the same content on every machine. */
import { isStorePath, nixStore, nixStoreDir, parts } from './nix-store.js'

/** NAR hashes by store path, as in `sha256:1b0…`, of those paths that have one. */
export type NarHashes = ReadonlyMap<string, string>

/**
 * Asks Nix for the hashes of all paths at once.
 * @param storeDir the directory of Nix's own store. Only its direct children are asked for: of another path
 *   `nix-store` follows links, and what it then tells is true of the path that they lead to
 * @param signal ends the programs that were started
 * @returns nothing for paths that are no valid store paths, or when Nix is not there
 */
export async function queryNarHashes(
  paths: Iterable<string>,
  storeDir: string = nixStoreDir(),
  signal?: AbortSignal,
): Promise<NarHashes> {
  const hashes = new Map<string, string>()
  const wanted = [...new Set(paths)].filter((path) => isStorePath(path, storeDir))
  for (const part of parts(wanted)) {
    for (const [path, hash] of await queryPart(part, signal)) hashes.set(path, hash)
  }
  return hashes
}

async function queryPart(paths: string[], signal: AbortSignal | undefined): Promise<[string, string][]> {
  const all = await hashesOf(paths, signal)
  if (all !== undefined) return all
  // One path that is not valid spoils the answer for all.
  const invalid = await nixStore(['--check-validity', '--print-invalid'], paths, signal)
  if (invalid === undefined) return []
  const without = new Set(invalid)
  const valid = paths.filter((path) => !without.has(path))
  if (valid.length === 0 || valid.length === paths.length) return []
  return (await hashesOf(valid, signal)) ?? []
}

async function hashesOf(
  paths: string[],
  signal: AbortSignal | undefined,
): Promise<[string, string][] | undefined> {
  const lines = await nixStore(['--query', '--hash'], paths, signal)
  if (lines?.length !== paths.length) return undefined
  if (!lines.every((line) => /^sha256:[0-9a-df-np-sv-z]{52}$/.test(line))) return undefined
  return paths.map((path, i) => [path, lines[i]!])
}
