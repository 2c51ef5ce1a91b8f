/** What `serve` takes for a configuration, and what layer files tell it. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { get, type IncomingMessage } from 'node:http'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { describe, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import type { Descriptor } from '../../src/model/descriptor.js'
import { command, skipWithout } from '../support/clients.js'
import { FALSE } from '../support/false-cache.js'
import { writeConf } from '../support/image.js'
import { runAsync } from '../support/run-async.js'
import { scratchDirectory } from '../support/scratch.js'
import { startServe } from '../support/serve.js'

const root = scratchDirectory()
/** A name as Nix gives them. */
const HASHED = '0c0m3v1p2n6s8q9z4x7y5w3a1b2d4f6g'

function makeConf(name: string, more: object = {}): string {
  const store = join(root, name, 'store')
  mkdirSync(store, { recursive: true })
  writeFileSync(join(store, 'file'), `${name}\n`)
  const paths = { store_dir: store, store_layers: [[join(store, 'file')]] }
  return writeConf(join(root, name), { ...paths, repo_tag: `${name}:latest`, ...more })
}

async function layersOf(host: string, name: string): Promise<Descriptor[]> {
  const answer = await fetch(`http://${host}/v2/${name}/manifests/latest`)
  assert.equal(answer.status, 200, await answer.clone().text())
  return ((await answer.json()) as { layers: Descriptor[] }).layers
}

describe('configurations of a server', () => {
  test('a directory that holds one, a gzipped one, and a script, whose configuration is named once', async () => {
    const directory = join(makeConf('directory'), '..')
    const gzipped = join(root, 'conf.json.gz')
    writeFileSync(gzipped, gzipSync(readFileSync(makeConf('gzipped'))))
    const named = join(root, `${HASHED}-scripted-conf.json`)
    writeFileSync(named, readFileSync(makeConf('scripted')))
    const script = join(root, 'script')
    writeFileSync(script, `#! /bin/sh -e\nexec stream ${named} "$@"\n`)
    const serving = await startServe([directory, gzipped, script])
    const { host, lines } = serving
    for (const name of ['directory', 'gzipped', 'scripted'])
      assert.equal((await layersOf(host, name)).length, 2)
    const using = `Using ${named}, as ${script} does`
    assert.deepEqual(
      lines.filter((line) => line.startsWith('Using')),
      [using],
    )
    // What the script names changes, and the script does not.
    writeFileSync(named, readFileSync(makeConf('scripted', { store_layers: [] })))
    assert.equal((await layersOf(host, 'scripted')).length, 1)
    writeFileSync(script, `#! /bin/sh -e\nexec stream ${named.replace('scripted', 'other')} "$@"\n`)
    writeFileSync(named.replace('scripted', 'other'), readFileSync(makeConf('scripted')))
    assert.equal((await layersOf(host, 'scripted')).length, 2)
  })

  test('a directory of configurations may hold one itself, which is called as it is', async () => {
    makeConf('both', { repo_tag: '' })
    makeConf('both/inner', { repo_tag: '' })
    const { host } = await startServe([join(root, 'both')])
    const catalog = await (await fetch(`http://${host}/v2/_catalog`)).json()
    assert.deepEqual(catalog, { repositories: ['both', 'inner'] })
  })

  test('standard input and what holds none are refused before it listens', async () => {
    const tar = join(root, 'image.tar')
    await runAsync([makeConf('archived'), '-o', tar])
    const fifo = join(root, 'fifo')
    command('mkfifo', [fifo])
    const cases: [string, RegExp, number][] = [
      [
        '-',
        /-: expected files or directories, found standard input.*\n.*hint: .*write this one to a file/,
        2,
      ],
      [tar, /image\.tar: expected a conf\.json, .* found a tar archive/, 1],
      [fifo, /fifo: expected a regular file, found a FIFO/, 1],
    ]
    for (const [name, message, expected] of cases) {
      const { status, stderr } = await runAsync(['serve', name, '--listen', '127.0.0.1:0'])
      assert.match(stderr, message)
      assert.equal(status, expected, stderr)
    }
  })

  test('layer files of --known and of the configuration are believed until a layer is taken', {
    skip: skipWithout('nix-store'),
  }, async () => {
    const path = join(root, 'known-content')
    writeFileSync(path, 'known\n')
    const stored = command('nix-store', ['--add', path])
    const file = join(root, 'layer.json')
    const made = await runAsync(['layer', stored, '-o', file])
    assert.equal(made.status, 0, made.stderr)
    const layer = JSON.parse(readFileSync(file, 'utf8')) as { diffId: string }
    const paths = { store_dir: '/nix/store', store_layers: [[stored]] }
    const untrue = join(root, 'untrue.json')
    writeFileSync(untrue, JSON.stringify({ ...layer, diffId: FALSE }))
    const plain = await startServe([makeConf('known', paths), '--known', file])
    assert.equal((await layersOf(plain.host, 'known'))[0]!.digest, layer.diffId)
    for (const args of [
      [makeConf('known', paths), '--known', untrue],
      [makeConf('known', { ...paths, known_layers: [untrue] })],
    ]) {
      const { host, said } = await startServe(args)
      assert.equal((await layersOf(host, 'known'))[0]!.digest, FALSE)
      const blob = get(`http://${host}/v2/known/blobs/${FALSE}`)
      const [answer] = (await once(blob, 'response')) as [IncomingMessage]
      if (answer.statusCode === 200) await assert.rejects(text(answer), { code: 'ECONNRESET' })
      else assert.equal(answer.statusCode, 500)
      answer.destroy()
      await said(/expected sha256:0+ as the layer file .*untrue\.json says, found sha256:/)
    }
  })
})
