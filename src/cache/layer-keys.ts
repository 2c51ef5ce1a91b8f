/** Keys of layers: names for everything that decides a layer's bytes, so that equal keys mean equal bytes. */
import { createHash } from 'node:crypto'
import { type Digest, toHex } from '../model/digest.js'
import type { LayerKey } from '../model/layer.js'
import type { Owner } from '../model/owner.js'

/**
 * Changes whenever the archive of the same content would have other bytes, and when keys are to be given up.
 * 2: before, nobody looked whether the files had the hashes that were in a key.
 */
const FORMAT = 2

/**
 * The key of store paths by their NAR hashes; undefined when those of some are not known. A NAR holds names, contents,
 * link targets and the executable bit, and the store fixes all other modes.
 */
export function narKey(
  paths: readonly string[],
  hashes: ReadonlyMap<string, string>,
  owner: Owner,
): LayerKey | undefined {
  const narHashes = paths.map((path) => hashes.get(path) ?? '')
  if (narHashes.includes('')) return undefined
  const contents = paths.map((path, i) => [path, narHashes[i]])
  const text = `nar-${digest(JSON.stringify([FORMAT, ownerFields(owner), contents]))}`
  return { text, portable: true, narHashes }
}

/** The key of files as a plan has them: names, modes, sizes, targets, inodes, mtimes and ctimes. */
export function planKey(plan: Uint8Array, owner: Owner): LayerKey {
  return { text: `plan-${digest(JSON.stringify([FORMAT, ownerFields(owner)]), plan)}`, portable: false }
}

/** The key of a layer whose diff ID is known before it is read. */
export function diffIdKey(diffId: Digest): LayerKey {
  return { text: `diff-${toHex(diffId)}`, portable: true, diffId }
}

/** Whether what was read is what the key says. @param found the NAR hashes of what was read */
export function isProvenBy(key: LayerKey, found: readonly (string | undefined)[] | undefined): boolean {
  const { narHashes } = key
  if (narHashes === undefined) return true
  return found?.length === narHashes.length && narHashes.every((hash, i) => hash === found[i])
}

function ownerFields({ mtime, uid, gid, uname, gname }: Owner): unknown[] {
  return [mtime, String(uid), String(gid), uname, gname]
}

function digest(...parts: (string | Uint8Array)[]): string {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest('hex')
}
