import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { before, describe, test } from 'node:test'
import { readImage } from '../support/archive.js'
import { command, DockerEngine, Podman, runLayout, skipWithout } from '../support/clients.js'
import { runCli } from '../support/image.js'
import { buildClosure, type Closure, closureConf } from '../support/nix-closure.js'
import { skipWithoutPython } from '../support/python.js'
import { startRegistry } from '../support/registry.js'
import { resultOf, runAsync } from '../support/run-async.js'
import { assertSameAsOracle } from '../support/same.js'
import { scratchDirectory } from '../support/scratch.js'

const skipNix = skipWithout('nix-store', 'busybox') || skipWithoutPython

describe('real clients on an image of real store paths', { skip: skipNix }, () => {
  const root = scratchDirectory()
  let closure: Closure
  let image: string
  let imageId: string
  let expected: string

  before(async () => {
    closure = buildClosure(root)
    image = assertSameAsOracle(closureConf(join(root, 'plain'), closure, null, 'plain')).output
    imageId = (await readImage(image)).imageId
    expected = `hello from plain\n${closure.paths.length}`
  })

  test('skopeo finds the layers that the image names', { skip: skipWithout('skopeo') }, async () => {
    const found = JSON.parse(command('skopeo', ['inspect', `docker-archive:${image}`])) as {
      Layers: string[]
    }
    assert.deepEqual(found.Layers, (await readImage(image)).image.rootfs.diff_ids)
  })

  test('umoci unpacks it, runc runs it', { skip: skipWithout('skopeo', 'umoci', 'runc') }, () => {
    const oci = `${join(root, 'oci')}:latest`
    command('skopeo', ['copy', '-q', `docker-archive:${image}`, `oci:${oci}`])
    assert.equal(runLayout(oci, root), expected)
  })

  test('podman loads and runs it, and what it saves serves as a base', {
    skip: skipWithout('podman', 'runc'),
  }, async () => {
    const podman = new Podman(join(root, 'podman'))
    podman.call('load', '-i', image)
    assert.deepEqual(podman.ids(), [imageId])
    assert.equal(podman.run(imageId), expected)
    const saved = join(root, 'podman.tar')
    podman.call('save', '-o', saved, '--format', 'docker-archive', imageId)
    const top = assertSameAsOracle(closureConf(join(root, 'on-podman'), closure, saved, 'on-podman')).output
    podman.call('load', '-i', top)
    assert.equal(podman.run('localhost/on-podman:latest'), `hello from on-podman\n${closure.paths.length}`)
  })

  test('Docker Engine loads and runs it, and what it saves serves as a base', {
    skip: skipWithout('dockerd', 'docker'),
  }, async () => {
    const docker = await DockerEngine.start(join(root, 'docker'))
    docker.call('load', '-i', image)
    assert.deepEqual(docker.ids(), [imageId])
    assert.equal(docker.run(imageId), expected)
    const saved = join(root, 'docker.tar')
    docker.call('save', '-o', saved, imageId)
    const top = assertSameAsOracle(closureConf(join(root, 'on-docker'), closure, saved, 'on-docker')).output
    docker.call('load', '-i', top)
    assert.equal(docker.run('on-docker:latest'), `hello from on-docker\n${closure.paths.length}`)
  })

  test('what skopeo writes serves as a base, also compressed', {
    skip: skipWithout('skopeo', 'zstd', 'podman', 'runc'),
  }, async () => {
    const saved = join(root, 'skopeo.tar')
    command('skopeo', ['copy', '-q', `docker-archive:${image}`, `docker-archive:${saved}:base:1`])
    const conf = closureConf(join(root, 'on-skopeo'), closure, saved, 'on-skopeo')
    const plain = assertSameAsOracle(conf).output
    command('zstd', ['-q', saved])
    mkdirSync(join(root, 'on-zstd'))
    const other = join(root, 'on-zstd', 'conf.json')
    writeFileSync(other, readFileSync(conf, 'utf8').replace(saved, `${saved}.zst`))
    const compressed = runCli(other)
    assert.equal(compressed.status, 0, compressed.stderr)
    assert.deepEqual(readFileSync(compressed.output), readFileSync(plain))
    const podman = new Podman(join(root, 'podman-2'))
    podman.call('load', '-i', plain)
    assert.equal(podman.run('localhost/on-skopeo:latest'), `hello from on-skopeo\n${closure.paths.length}`)
  })

  test('podman and Docker Engine pull it from a registry and run it', {
    skip: skipWithout('docker-registry', 'curl', 'podman', 'runc', 'dockerd', 'docker'),
  }, async () => {
    const { host } = await startRegistry(join(root, 'registry'))
    const docker = await DockerEngine.start(join(root, 'docker-2'))
    const podman = new Podman(join(root, 'podman-3'))
    for (const compress of ['gzip', 'zstd']) {
      const name = `${host}/${compress}:v1`
      const plain = join(root, 'plain', 'conf.json')
      resultOf(await runAsync([plain, '-o', `docker://${name}`, '--compress', compress]))
      podman.call('pull', '-q', '--tls-verify=false', name)
      assert.equal(podman.run(name), expected)
      docker.call('pull', '-q', name)
      assert.equal(docker.run(name), expected)
      assert.deepEqual(new Set(docker.ids()), new Set([imageId]))
    }
  })
})
