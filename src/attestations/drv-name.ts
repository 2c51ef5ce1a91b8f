/** Names of packages, as Nix takes store paths apart. */
import { posix } from 'node:path'

/** What follows the hash in a store path's name; the whole name where there is none. */
export function packageNameOf(path: string): string {
  return posix.basename(path).replace(/^[0-9a-df-np-sv-z]{32}-/, '')
}

/** `builtins.parseDrvName`: the version is what follows the first dash that no letter follows. */
export function nameAndVersion(text: string): { name: string; version: string | undefined } {
  const [, name = text, version] = /^(.*?)-([^A-Za-z].*)$/s.exec(text) ?? []
  return { name, version }
}

/** Nix's digits at the start of a store path's name: the hash of what it was made from. */
export function storeHashOf(path: string): string | undefined {
  return /^([0-9a-df-np-sv-z]{32})-/.exec(posix.basename(path))?.[1]
}
