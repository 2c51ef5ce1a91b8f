/** A tag that is new: layers that another image of the repository has are neither made nor sent. */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { likelyTags } from '../../src/sources/previous.js'
import { command, skipWithout } from '../support/clients.js'
import { buildClosure, closureConf } from '../support/nix-closure.js'
import { startProxy, startRegistry } from '../support/registry.js'
import { resultOf, runAsync } from '../support/run-async.js'
import { scratchDirectory } from '../support/scratch.js'

const skip = skipWithout('docker-registry', 'curl', 'nix-store', 'busybox')
const root = scratchDirectory()

test('the branch, the usual tags, the highest version and the last tag are looked at, four at most', () => {
  const likely = (tags: string[], env: NodeJS.ProcessEnv = {}): string[] => likelyTags(tags, env)
  assert.deepEqual(likely([]), [])
  assert.deepEqual(likely(['0a1', 'f3c']), ['f3c'])
  const ofDigest = `sha256-${'0a'.repeat(32)}`
  assert.deepEqual(likely(['f3c', ofDigest, `${ofDigest}.sig`]), ['f3c'])
  assert.deepEqual(likely(['1.10.0', '1.9.2', '1.9.2-rc1', 'abc']), ['1.10.0', 'abc'])
  assert.deepEqual(likely(['latest', 'main', 'v2', 'v10', 'zzz']), ['latest', 'main', 'v10', 'zzz'])
  assert.deepEqual(likely(['latest', 'feature-x', 'main'], { GITHUB_REF_NAME: 'feature/x' }), [
    'feature-x',
    'latest',
    'main',
  ])
})

describe('a new tag', { skip }, async () => {
  if (skip) return
  const closure = buildClosure(root)
  const layers = closure.paths.length + 1
  const registry = await startRegistry(join(root, 'registry'))
  const conf = closureConf(join(root, 'one'), closure, null, 'one')
  const app = `docker://${registry.host}/app`
  const push = async (file: string, ...args: string[]) => {
    const run = await runAsync([file, ...args])
    return { run, sent: resultOf(run).destinations![0]!.uploaded!.layers }
  }
  const said = (text: string): string | undefined => /^previous: .*$/m.exec(text)?.[0]

  /** The same image with one store path more. */
  function withOneMore(name: string): string {
    const path = join(root, name)
    writeFileSync(path, name)
    const added = command('nix-store', ['--add', path])
    const document = JSON.parse(readFileSync(conf, 'utf8')) as { store_layers: string[][] }
    const file = join(root, `${name}.json`)
    writeFileSync(file, JSON.stringify({ ...document, store_layers: [...document.store_layers, [added]] }))
    return file
  }

  test('of an empty repository is told how to have a previous image', async () => {
    const { run, sent } = await push(conf, '-o', `${app}:0a1b2c`)
    assert.equal(sent, layers)
    assert.match(said(run.stderr) ?? '', /^previous: none found; --previous .* --cache/)
  })

  test('takes what the image of another tag has, and says which', async () => {
    const { run, sent } = await push(conf, '-o', `${app}:3d4e5f`)
    assert.equal(sent, 0)
    assert.equal(said(run.stderr), `previous: ${app}:0a1b2c, ${layers} of ${layers} layers unchanged`)
    const next = await push(withOneMore('more'), '-o', `${app}:6a7b8c`)
    assert.equal(next.sent, 1)
    assert.match(said(next.run.stderr) ?? '', new RegExp(`, ${layers} of ${layers + 1} layers unchanged$`))
  })

  test('of its own is asked for nothing but that image', async () => {
    const proxy = await startProxy(registry.host)
    await push(conf, '-o', `docker://${proxy.host}/app:3d4e5f`)
    const asked = proxy.requests.map(({ line }) => line).filter((line) => /GET .*(manifests|tags)/.test(line))
    assert.deepEqual(asked, ['GET /v2/app/manifests/3d4e5f'])
  })

  test('where tags cannot be listed, or lie, is made', async () => {
    const proxy = await startProxy(registry.host)
    let count = 0
    for (const [status, body] of [
      [403, ''],
      [404, ''],
      [200, 'no JSON'],
      [200, '{"tags": 3}'],
      [200, JSON.stringify({ tags: ['no', 'such', '../x', 'latest'] })],
    ] as const) {
      proxy.faults = [
        {
          when: ({ url }) => url!.includes('/tags/list'),
          act: (_, response) => void response.writeHead(status).end(body),
        },
      ]
      const { run } = await push(conf, '-o', `docker://${proxy.host}/app:new-${++count}`)
      assert.match(said(run.stderr) ?? 'previous: none', /^previous: none/)
    }
  })

  test('takes those of the image that --previous names, besides', async () => {
    const other = `docker://${registry.host}/other:v1`
    const run = resultOf(await runAsync([conf, '-o', other, '--previous', `${app}:3d4e5f`]))
    assert.equal(run.destinations![0]!.mounted?.layers, layers)
  })

  test('of a layout takes what its other images have', async () => {
    const layout = join(root, 'layout')
    await push(conf, '-o', `oci:${layout}:a`)
    const { run, sent } = await push(withOneMore('again'), '-o', `oci:${layout}:b`)
    assert.equal(sent, 1)
    assert.equal(said(run.stderr), undefined)
  })
})
