import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DigestCache } from '../../src/cache/digest-cache.js'
import { LayerMemory } from '../../src/cache/layer-memory.js'
import { MemoryStore } from '../../src/cache/memory-store.js'
import { PLAIN } from '../../src/model/compression.js'
import type { Layer } from '../../src/model/layer.js'

const unused = (): never => assert.fail('it is not asked for')
const layer: Layer = {
  source: { kind: 'store', paths: ['/nix/store/a'] },
  key: async () => ({ text: 'a', portable: false }),
  plan: unused,
  recipe: unused,
  checksum: unused,
}
const cache = new DigestCache(new MemoryStore(), unused)

test('a layer that is another one than before: the cache is named only where there is one', async () => {
  const remembered = await new LayerMemory(cache).stale(layer, PLAIN, 'layer a', 'sha256:1', 'sha256:2')
  assert.equal(remembered.code, 'CACHE_STALE')
  assert.match(remembered.message, /expected sha256:1 as the cache remembers it, found sha256:2$/)
  const read = await new LayerMemory(cache, false).stale(layer, PLAIN, 'layer a', 'sha256:1', 'sha256:2')
  assert.equal(read.code, 'FILE_CHANGED')
  assert.match(read.message, /^layer a: expected sha256:1 as it was read before, found sha256:2$/)
  assert.doesNotMatch(`${read.message} ${read.hint}`, /cache|entry/)
})
