/** A closure: store paths with all that they refer to. */
import { ImageError } from '../errors.js'

export interface StorePath {
  path: string
  /** As `nix-store --query --hash` prints it: `sha256:` and 52 digits of Nix's base 32. */
  narHash: string
  /** Bytes of its NAR, which are about those of its files. */
  size: number
  /** Without itself. */
  references: readonly string[]
  /** What it was built from, where that is known. */
  deriver?: string
}

/** By path; every reference is one of its paths. */
export type Closure = ReadonlyMap<string, StorePath>

/**
 * What some paths need, they themselves first.
 * @throws ImageError STORE_PATH_INVALID when there is a path that the closure does not have
 */
export function closureOf(roots: Iterable<string>, all: Closure, source: string): Closure {
  const found = new Map<string, StorePath>()
  const add = (path: string, from: string): void => {
    const entry = all.get(path)
    if (entry === undefined)
      throw new ImageError(
        'STORE_PATH_INVALID',
        `${source}: expected ${path}, which ${from}, found nothing of it`,
        {
          hint: 'a registration is of a whole closure: closureInfo { rootPaths = [ … ]; } writes one',
        },
      )
    found.set(path, entry)
  }
  for (const path of roots) add(path, 'is asked for')
  // A map gives what is added to it while it is gone through.
  for (const { path, references } of found.values()) {
    for (const reference of references) if (!found.has(reference)) add(reference, `${path} refers to`)
  }
  return found
}

/**
 * Paths in an order in which each comes before what it refers to.
 * @throws ImageError STORE_PATH_INVALID naming paths that refer to each other in a circle
 */
export function referrersFirst(closure: Closure): string[] {
  const waiting = new Map<string, number>()
  for (const path of closure.keys()) waiting.set(path, 0)
  for (const { references } of closure.values())
    for (const reference of references) waiting.set(reference, waiting.get(reference)! + 1)
  const ready = [...closure.keys()].filter((path) => waiting.get(path) === 0)
  for (const path of ready) {
    for (const reference of closure.get(path)!.references) {
      const left = waiting.get(reference)! - 1
      waiting.set(reference, left)
      if (left === 0) ready.push(reference)
    }
  }
  if (ready.length < closure.size)
    throw new ImageError(
      'STORE_PATH_INVALID',
      `expected a closure without circles, found paths that refer to each other: ${circleIn(closure, new Set(ready)).join(' → ')}`,
      { hint: 'no valid store has such paths: check it with nix-store --verify' },
    )
  return ready
}

function circleIn(closure: Closure, outside: ReadonlySet<string>): string[] {
  const trail: string[] = []
  // Each path that is left refers to one that is left, or one that is left refers to it: walk up until one comes again.
  let at = [...closure.keys()].find((path) => !outside.has(path))!
  while (!trail.includes(at)) {
    trail.push(at)
    const here = at
    at = [...closure.values()].find(
      ({ path, references }) => !outside.has(path) && references.includes(here),
    )!.path
  }
  return [...trail.slice(trail.indexOf(at)), at].reverse()
}
