/** Closures as the Nix store itself knows them. */
import { realpathSync } from 'node:fs'
import { normalize } from 'node:path'
import { isStorePath, nixStore, nixStoreDir, nixStoreText, parts } from '../cache/nix-store.js'
import { attempt, ImageError } from '../errors.js'
import { type Closure, closureOf, type StorePath } from './closure.js'
import { parseRegistration } from './registration.js'

/** More references than any path has. */
const MOST_REFERENCES = 4096

/**
 * The store path that a name stands for: itself, something in it, or a link to it such as `nix-build` leaves.
 * @throws ImageError STORE_PATH_INVALID when it leads to no store path, or to a derivation
 */
export function storePathOf(name: string, storeDir = nixStoreDir()): string {
  const isInStore = normalize(name).startsWith(`${storeDir}/`)
  const real = isInStore
    ? normalize(name)
    : attempt('STORE_PATH_INVALID', `cannot find ${name}`, () => realpathSync(name), HINT)
  const path = real.startsWith(`${storeDir}/`)
    ? `${storeDir}/${real.slice(storeDir.length + 1).split('/', 1)[0]}`
    : real
  if (!isStorePath(path, storeDir))
    throw new ImageError('STORE_PATH_INVALID', `${name}: expected a path in ${storeDir}, found ${real}`, {
      hint: HINT,
    })
  if (path.endsWith('.drv'))
    throw new ImageError('STORE_PATH_INVALID', `${name}: expected a path that is built, found a derivation`, {
      hint: `nix-store --realise ${path} builds it and prints the path to name`,
    })
  return path
}

const HINT = 'name a store path, or the link that nix-build leaves: $(nix-build -A app)'

/**
 * @param roots store paths
 * @throws ImageError STORE_PATH_INVALID for paths that are not valid, or when Nix does not answer
 */
export async function queryClosure(roots: readonly string[], signal?: AbortSignal): Promise<Closure> {
  const invalid = await nixStore(['--check-validity', '--print-invalid'], roots, signal)
  if (invalid === undefined) throw noAnswer('--check-validity')
  if (invalid.length > 0)
    throw new ImageError(
      'STORE_PATH_INVALID',
      `expected valid paths of the store, found ${invalid.join(' ')}, which ${invalid.length === 1 ? 'is' : 'are'} not`,
      { hint: 'not built, or collected as garbage: build it again, then name what that prints' },
    )
  const paths = await nixStore(['--query', '--requisites'], roots, signal, MOST_REFERENCES)
  if (paths === undefined) throw noAnswer('--query --requisites')
  const all = await describePaths(paths, signal)
  if (all === undefined) throw noAnswer('--dump-db')
  return closureOf(roots, all, 'nix-store --dump-db')
}

/**
 * What the store knows of paths, some of which it may not have; references may lead to others.
 * @returns undefined when it does not answer, and when the signal fires
 */
export async function describeKnown(
  paths: readonly string[],
  signal?: AbortSignal,
): Promise<Closure | undefined> {
  const known: string[] = []
  for (const part of parts(paths.filter((path) => isStorePath(path, nixStoreDir())))) {
    const invalid = await nixStore(['--check-validity', '--print-invalid'], part, signal)
    if (invalid === undefined) return undefined
    const without = new Set(invalid)
    known.push(...part.filter((path) => !without.has(path)))
  }
  return describePaths(known, signal)
}

/** @param paths that are valid @returns undefined when Nix does not answer */
async function describePaths(paths: readonly string[], signal?: AbortSignal): Promise<Closure | undefined> {
  const all = new Map<string, StorePath>()
  for (const part of parts(paths)) {
    const text = await nixStoreText(['--dump-db'], part, signal, MOST_REFERENCES)
    if (text === undefined) return undefined
    for (const [path, entry] of parseRegistration(text, 'nix-store --dump-db')) all.set(path, entry)
  }
  return all
}

function noAnswer(question: string): ImageError {
  return new ImageError('STORE_PATH_INVALID', `nix-store ${question} gave no answer`, {
    hint: 'is Nix here, and does its store answer? Inside a build, --registration FILE takes its place',
  })
}
