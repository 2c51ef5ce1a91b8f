/** How often a base's layers are read to be compared with what its config says. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { test } from 'node:test'
import { buildImage } from '../../src/index.js'
import { documents, makeTar, noise, sha256 } from '../support/base.js'
import { writeConf } from '../support/image.js'
import { skipWithoutPython } from '../support/python.js'
import { scratchDirectory } from '../support/scratch.js'

test('each is compared once, a link too, for all destinations together', {
  skip: skipWithoutPython,
}, async () => {
  const root = scratchDirectory()
  const data = noise(5000, 1)
  const layers = [
    { name: 'one/layer.tar', data },
    { name: 'two/layer.tar', type: '2', linkname: '../one/layer.tar' },
  ] as const
  const diffIds = layers.map(() => `sha256:${sha256(data)}`)
  const base = makeTar(join(root, 'base.tar'), [...layers, ...documents({ layers: [...layers], diffIds })])
  const conf = writeConf(root, { from_image: base })
  const cache = join(root, 'cache')
  // From then on the first is known, and compared before it is left out.
  await buildImage({ conf, destinations: [`oci:${join(root, 'layout')}`], cache })
  const read: string[] = []
  await buildImage({
    conf,
    cache,
    output: new Writable({ write: (_chunk, _encoding, done) => done() }),
    destinations: [`oci:${join(root, 'layout')}`, join(root, 'image.tar')],
    onEvent: (event) => {
      if (event.type === 'worked' && event.task === 'digest') read.push(event.subject)
    },
  })
  assert.deepEqual(read.sort(), ['layer one/layer.tar', 'layer two/layer.tar'])
})
