/** Names of store paths: `HASH-NAME-VERSION-OUTPUT`. */

interface StoreName {
  /** 32 characters. */
  hash: string
  /** All behind the hash: `openssl-3.0.13-dev`. */
  name: string
  /** Without version: `openssl`, and what stands behind the version: `-dev`. */
  program: string
}

/** @param path a store path @returns undefined for what has no hash */
export function storeName(path: string): StoreName | undefined {
  const base = path.slice(path.lastIndexOf('/') + 1)
  const [, hash, name] = /^([0-9a-df-np-sv-z]{32})-(.+)$/s.exec(base) ?? []
  if (hash === undefined || name === undefined) return undefined
  // The version begins behind the first dash that no letter follows (Nix, `DrvName`).
  const [, program = name, version = ''] = /^(.*?)-([^A-Za-z].*)$/s.exec(name) ?? []
  const [output = ''] = /-[A-Za-z]+$/.exec(version) ?? []
  return { hash, name, program: program + output }
}

/**
 * Removed and added store paths that take each other's place: those of the same whole name, then those of the same
 * program, each in their order.
 * @returns pairs of indexes
 */
export function pairByName(removed: readonly string[], added: readonly string[]): [number, number][] {
  const pairs: [number, number][] = []
  const left = new Set(removed.keys())
  const right = new Set(added.keys())
  for (const key of ['name', 'program'] as const) {
    const places = new Map<string, number[]>()
    // The first of each is taken first, from the end: any number of paths may have one name.
    for (const j of [...right].reverse()) {
      const named = storeName(added[j]!)?.[key]
      if (named === undefined) continue
      const known = places.get(named)
      if (known === undefined) places.set(named, [j])
      else known.push(j)
    }
    for (const i of left) {
      const named = storeName(removed[i]!)?.[key]
      const j = named === undefined ? undefined : places.get(named)?.pop()
      if (j === undefined) continue
      pairs.push([i, j])
      left.delete(i)
      right.delete(j)
    }
  }
  return pairs.sort(([a], [b]) => a - b)
}
