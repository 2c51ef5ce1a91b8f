/** Keys of layers: names for everything that decides a layer's bytes, so that equal keys mean equal bytes. */
import { createHash } from 'node:crypto'
import type { Owner } from '../layers/layer-headers.js'

export interface LayerKey {
  text: string
  /** Whether the key is the same on every machine. */
  portable: boolean
}

/** Changes whenever the archive of the same content would have other bytes. */
const FORMAT = 1

/**
 * The key of store paths whose NAR hashes are known. A NAR holds names, contents, link targets and the
 * executable bit, and the store fixes all other modes.
 */
export function narKey(
  paths: readonly string[],
  hashes: ReadonlyMap<string, string>,
  owner: Owner,
): LayerKey {
  const contents = paths.map((path) => [path, hashes.get(path)])
  return { text: `nar-${digest(JSON.stringify([FORMAT, ownerFields(owner), contents]))}`, portable: true }
}

/** The key of files as a plan has them: names, modes, sizes, targets, inodes, mtimes and ctimes. */
export function planKey(plan: Uint8Array, owner: Owner): LayerKey {
  return { text: `plan-${digest(JSON.stringify([FORMAT, ownerFields(owner)]), plan)}`, portable: false }
}

/** The key of a layer whose diff ID is known before it is read. */
export function diffIdKey(diffId: string): LayerKey {
  return { text: `diff-${diffId}`, portable: true }
}

function ownerFields({ mtime, uid, gid, uname, gname }: Owner): unknown[] {
  return [mtime, String(uid), String(gid), uname, gname]
}

function digest(...parts: (string | Uint8Array)[]): string {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest('hex')
}
