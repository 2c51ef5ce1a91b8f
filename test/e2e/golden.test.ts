/**
 * The hard cases against digests that CPython gave once, for machines without it. Archives hold absolute
 * paths, so the cases are made at a fixed place. `UPDATE_GOLDEN=1 npm test -- golden` writes the digests
 * anew, from the oracle alone.
 */
import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { readImage } from '../support/archive.js'
import { HARD_CASES, makeStore } from '../support/hard-cases.js'
import { runCli, runOracle, writeConf } from '../support/image.js'

const PLACE = '/tmp/stream-layered-image-golden'
const FILE = fileURLToPath(new URL('../../../test/e2e/golden.json', import.meta.url))
const update = process.env.UPDATE_GOLDEN === '1'
const golden = update ? {} : (JSON.parse(readFileSync(FILE, 'utf8')) as Record<string, Digests>)

/** All that does not depend on who owns the files here: the image ID stands for every layer's digest. */
interface Digests {
  imageId: string
  layers: string[]
}

async function digestsOf(archive: string): Promise<Digests> {
  const { imageId, manifest } = await readImage(archive)
  return {
    imageId: imageId.replace('sha256:', ''),
    layers: manifest[0]!.Layers.map((name) => name.replace('/layer.tar', '')),
  }
}

describe('the digests that CPython gave', () => {
  after(() => {
    rmSync(PLACE, { recursive: true, force: true })
    if (update) writeFileSync(FILE, `${JSON.stringify(golden, null, 2)}\n`)
  })
  for (const [i, hardCase] of HARD_CASES.entries()) {
    test(hardCase.name, async () => {
      const directory = join(PLACE, String(i))
      rmSync(directory, { recursive: true, force: true })
      mkdirSync(directory, { recursive: true })
      const conf = writeConf(directory, hardCase.make(makeStore(directory)))
      if (update) golden[hardCase.name] = await digestsOf(runOracle(conf).output)
      const run = runCli(conf)
      assert.equal(run.status, 0, run.stderr)
      assert.deepEqual(await digestsOf(run.output), golden[hardCase.name])
    })
  }
})
