/** Random images, byte for byte: each by the library to a stream and to a file, some by the command too. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { buildImage, readConf } from '../../src/index.js'
import { repoTagProblem } from '../../src/registry/repo-tag.js'
import { MAKE_TAR } from '../support/base.js'
import { ORACLE } from '../support/image.js'
import { skipWithoutPython } from '../support/python.js'
import { PythonServer } from '../support/python-server.js'
import { makeImage, type RandomImage, randomImage } from '../support/random-image.js'
import { assertSameAsOracle } from '../support/same.js'
import { scratchDirectory } from '../support/scratch.js'

const RUNS = Number(process.env.RANDOM_STORES ?? 60)
const SEED = Number(process.env.RANDOM_SEED ?? 20)
/** Of so many images one goes through the command, whose start takes longer than most builds. */
const BY_COMMAND = 16

test(`builds ${RUNS} random images, on random bases and on none, as CPython does`, {
  skip: skipWithoutPython,
}, async () => {
  const root = scratchDirectory()
  const python = new PythonServer()
  const seen = { trees: 0, bases: 0, images: 0 }

  const check = async (image: RandomImage): Promise<void> => {
    const directory = join(root, String(seen.images))
    mkdirSync(directory)
    const path = (name: string): string => join(directory, name)
    const { conf, base } = makeImage(directory, image)
    if (base !== null)
      await python.run({ script: MAKE_TAR, arguments: [], input: base, output: path('made') })
    const tag = image.tag === undefined ? [] : [`-t=${image.tag}`]
    if (seen.images % BY_COMMAND === 0) assertSameAsOracle(conf, tag)
    else {
      await python.run({ script: ORACLE, arguments: [conf, ...tag], output: path('expected') })
      const output = openSync(path('streamed'), 'w')
      await buildImage({ conf, output, repoTag: image.tag, threads: 1 })
      closeSync(output)
      const writing = buildImage({ conf, destinations: [path('written')], repoTag: image.tag })
      const isRefused = repoTagProblem(image.tag || readConf(conf).repoTag) !== undefined
      if (isRefused) await assert.rejects(writing, { code: 'OPTION_INVALID' })
      else await writing
      for (const name of isRefused ? ['streamed'] : ['streamed', 'written']) {
        const { status, stdout } = spawnSync('cmp', [path('expected'), path(name)], { encoding: 'utf8' })
        assert.equal(status, 0, `${name}: ${stdout}`)
      }
    }
    rmSync(directory, { recursive: true, force: true })
    seen.images++
    seen.trees += image.stores.flat().length
    if (base !== null) seen.bases++
  }

  await fc.assert(fc.asyncProperty(randomImage, check), { numRuns: RUNS, seed: SEED, endOnFailure: true })
  assert.ok(seen.trees >= 2 * RUNS && seen.bases >= RUNS / 4, JSON.stringify(seen))
  assert.equal(readdirSync(root).length, 0)
})
