/** What a registry is asked, and how much of it at once, for an image that it has. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { copyImage } from '../../src/index.js'
import { archiveOf, writeLayout } from '../support/layout.js'
import { scratchDirectory } from '../support/scratch.js'
import { SlowRegistry } from '../support/slow-registry.js'

const { name, blobs } = writeLayout(
  join(scratchDirectory(), 'layout'),
  Array.from({ length: 100 }, (_, i) => archiveOf(i)),
)
const sizes = blobs.map(({ digest, size }) => [digest, size] as const)

async function copyTo(known: Iterable<readonly [string, number]>): Promise<SlowRegistry> {
  const registry = await SlowRegistry.start(new Map(known), 50)
  after(() => registry.stop())
  await copyImage({ image: name, destinations: [`docker://${registry.host}/test:latest`] })
  return registry
}

test('of blobs that are there many are asked for at once, each once, and Node finds nothing to warn of', async () => {
  const warnings: Error[] = []
  process.on('warning', (warning) => warnings.push(warning))
  const { requests, atOnce } = await copyTo(sizes)
  // Layers and config; the manifest is put by its digest and by its tag.
  assert.deepEqual([requests.HEAD, requests.PUT], [101, 2])
  assert.equal(atOnce, 32)
  assert.deepEqual(warnings, [])
})

test('blobs that are not there are asked for once, too, and sent', async () => {
  const { requests } = await copyTo(sizes.slice(10))
  assert.deepEqual([requests.HEAD, requests.POST, requests.PUT], [101, 10, 12])
})
