/** Random images, byte for byte: by the library to a stream, to a file, to both in one run, or by the command. */
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

const RUNS = Number(process.env.RANDOM_STORES ?? 48)
const SEED = Number(process.env.RANDOM_SEED ?? 20)
/** What takes its turn with an image: a build's threads take longer to start than they work. */
const WAYS = [['streamed'], ['written'], ['streamed', 'written']]
/** Of so many images one goes through the command, which takes longer still; no multiple of the ways. */
const BY_COMMAND = 13

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
      const isRefused = repoTagProblem(image.tag || readConf(conf).repoTag) !== undefined
      const ways = WAYS[seen.images % WAYS.length]!.filter((way) => way === 'streamed' || !isRefused)
      const output = ways.includes('streamed') ? openSync(path('streamed'), 'w') : undefined
      const destinations = [path('written')]
      const options = { conf, repoTag: image.tag, threads: 1 + (seen.images % 2) }
      if (isRefused)
        await assert.rejects(buildImage({ ...options, destinations }), { code: 'OPTION_INVALID' })
      if (ways.length > 0)
        await buildImage({
          ...options,
          output,
          destinations: ways.includes('written') ? destinations : undefined,
        })
      if (output !== undefined) closeSync(output)
      for (const name of ways) {
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
