/** A cache whose only entry is not true. */
import assert from 'node:assert/strict'
import { DigestCache } from '../../src/cache/digest-cache.js'
import { blobName } from '../../src/cache/entry.js'
import { planKey } from '../../src/cache/layer-keys.js'
import { measureArchive } from '../../src/layers/archive.js'
import { planStorePaths } from '../../src/layers/walk.js'
import { PLAIN } from '../../src/model/compression.js'

export const FALSE = `sha256:${'0'.repeat(64)}` as const

/**
 * Remembers {@link FALSE} for the layer of these paths, with its true size; owner and time are what `writeConf` has.
 * @param place a directory @returns it
 */
export async function falseCache(place: string, paths: readonly string[]): Promise<string> {
  const owner = { mtime: 1, uid: 0n, gid: 0n, uname: 'root', gname: 'root' }
  const { plan } = planStorePaths(paths)
  const cache = await DigestCache.open(place, assert.fail)
  const size = measureArchive(plan, owner).size
  await cache!.remember(blobName(planKey(plan, owner), PLAIN), {
    diffId: FALSE,
    size,
    digest: FALSE,
    blobSize: size,
  })
  await cache!.close()
  return place
}
