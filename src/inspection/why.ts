/** What a store path is in an image for. */
import type { Closure } from '../closure/closure.js'
import { chainsTo, onlyThrough, referrersOf } from './chains.js'
import type { ImagePaths, Searched } from './search.js'

export interface WhyFacts {
  /** As it was asked for, without secrets. */
  image: string
  path: string
  /** Of its files, in bytes. */
  bytes: number
  /** The layers that it is in, from 1, the lowest. */
  layers: readonly number[]
  /** The shortest first, bounded in number. */
  chains: readonly Chain[]
  /** What would be of no use without it, it first. */
  only: readonly SizedPath[]
  /** Of all of those. */
  onlyBytes: number
}

/** From something that the image needs to the path, each referring to the next. */
export interface Chain {
  /** What the first path is there for: `Cmd`, `Env PATH`, `/bin/app`; nothing where no path refers to it. */
  reasons: readonly string[]
  paths: readonly string[]
}

export interface SizedPath {
  path: string
  bytes: number
}

/** The most chains that are shown. */
const MOST_CHAINS = 10

/**
 * @param closure of the image's paths @param path one of them
 * @throws ImageError STORE_PATH_INVALID for references in a circle
 */
export function why(name: string, path: string, { paths, roots }: Searched, whole: Closure): WhyFacts {
  const closure = within(whole, paths)
  const bytesOf = (it: string): number => paths.get(it)!.bytes ?? closure.get(it)!.size
  const unreferenced = [...referrersOf(closure)].flatMap(([it, by]) => (by.length === 0 ? [it] : []))
  const starts = new Set([...[...roots.keys()].filter((root) => closure.has(root)), ...unreferenced])
  const only = onlyThrough(path, closure, starts).map((it) => ({ path: it, bytes: bytesOf(it) }))
  return {
    image: name,
    path,
    bytes: bytesOf(path),
    layers: paths.get(path)!.layers,
    chains: chainsTo(path, closure, starts, MOST_CHAINS).map((chain) => ({
      reasons: roots.get(chain[0]!) ?? [],
      paths: chain,
    })),
    only,
    onlyBytes: only.reduce((sum, { bytes }) => sum + bytes, 0),
  }
}

/** What of a closure is in the image, with the references among that. */
function within(closure: Closure, paths: ImagePaths): Closure {
  const here = [...closure.values()].filter(({ path }) => paths.has(path))
  return new Map(
    here.map((it) => [it.path, { ...it, references: it.references.filter((one) => paths.has(one)) }]),
  )
}
