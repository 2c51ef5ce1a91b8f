/** The real programs that pull images, on what `serve` gives. */
import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { readImage } from '../support/archive.js'
import { Containerd, command, DockerEngine, Podman, runLayout, skipWithout } from '../support/clients.js'
import { runCli, writeConf } from '../support/image.js'
import { buildClosure, closureConf } from '../support/nix-closure.js'
import { startProxy } from '../support/registry.js'
import { runAsync } from '../support/run-async.js'
import { scratchDirectory } from '../support/scratch.js'
import { startServe } from '../support/serve.js'
import { spawned } from '../support/spawned.js'

const skip = skipWithout('nix-store', 'busybox')
const root = scratchDirectory()

async function prepare() {
  const closure = buildClosure(root)
  const conf = closureConf(join(root, 'app'), closure, null, 'app')
  const { imageId, image } = await readImage(runCli(conf).output)
  const { host } = await startServe([conf])
  const expected = `hello from app\n${closure.paths.length}`
  return { imageId, diffIds: image.rootfs.diff_ids, host, expected }
}

describe('clients of serve', { skip }, async () => {
  if (skip) return
  const { imageId, diffIds, host, expected } = await prepare()
  const name = `${host}/app:latest`

  test('Docker Engine pulls, runs, and goes on where it was cut off', {
    skip: skipWithout('dockerd', 'docker'),
  }, async () => {
    const docker = await DockerEngine.start(join(root, 'docker'))
    const { through, cut } = await cutting(host)
    const env = { DOCKER_HOST: `unix://${join(root, 'docker', 'socket')}` }
    const pulled = await spawned('docker', ['pull', '-q', through], env)
    assert.equal(pulled.status, 0, pulled.stderr)
    assert.ok(cut.resumed)
    docker.call('pull', '-q', name)
    for (const it of [name, through]) {
      const [found] = JSON.parse(docker.call('inspect', it)) as { Id: string; RootFS: { Layers: string[] } }[]
      assert.equal(found!.Id, imageId)
      assert.deepEqual(found!.RootFS.Layers, diffIds)
    }
    assert.equal(docker.run(name), expected)
  })

  test('podman and buildah pull and run; one that is cut off has no image', {
    skip: skipWithout('podman', 'buildah', 'runc'),
  }, async () => {
    const podman = new Podman(join(root, 'podman'))
    const { through } = await cutting(host, 100)
    const cut = await spawned('podman', [...podman.options, 'pull', '-q', '--tls-verify=false', through])
    assert.notEqual(cut.status, 0)
    assert.deepEqual(podman.ids(), [''])
    podman.call('pull', '-q', '--tls-verify=false', name)
    assert.deepEqual(podman.ids(), [imageId])
    const [found] = JSON.parse(podman.call('inspect', name)) as { RootFS: { Layers: string[] } }[]
    assert.deepEqual(found!.RootFS.Layers, diffIds)
    assert.equal(podman.run(name), expected)
    const storage = ['--root', join(root, 'buildah', 'root'), '--runroot', join(root, 'buildah', 'run')]
    const buildah = (...args: string[]): string =>
      command('buildah', [...storage, '--storage-driver', 'vfs', ...args])
    buildah('pull', '-q', '--tls-verify=false', name)
    assert.equal(buildah('images', '-q', '--no-trunc'), imageId)
  })

  test('containerd pulls with plain HTTP and from a mirror, runs, and goes on where it was cut off', {
    skip: skipWithout('containerd', 'ctr', 'runc'),
  }, async () => {
    const containerd = await Containerd.start(join(root, 'containerd'))
    const pull = ['images', 'pull', '--snapshotter', 'native']
    const { through, cut } = await cutting(host)
    const address = ['-a', join(root, 'containerd', 's')]
    const pulled = await spawned('ctr', [...address, ...pull, '--plain-http', through])
    assert.equal(pulled.status, 0, pulled.stderr)
    assert.ok(cut.resumed)
    const hosts = join(root, 'hosts')
    mkdirSync(join(hosts, 'docker.io'), { recursive: true })
    writeFileSync(
      join(hosts, 'docker.io', 'hosts.toml'),
      `server = "http://${host}"\n\n[host."http://${host}"]\n  capabilities = ["pull", "resolve"]\n`,
    )
    containerd.call(...pull, '--hosts-dir', hosts, 'docker.io/library/app:latest')
    containerd.call(...pull, '--plain-http', name)
    const list = containerd.call('images', 'ls')
    const manifest = (await fetch(`http://${host}/v2/app/manifests/latest`)).headers.get(
      'docker-content-digest',
    )
    for (const it of [name, 'docker.io/library/app:latest'])
      assert.match(list, new RegExp(`^${it} +application/vnd.oci.image.manifest.v1\\+json +${manifest}`, 'm'))
    for (const diffId of diffIds) assert.match(containerd.call('content', 'ls', '-q'), new RegExp(diffId))
    assert.equal(containerd.run('docker.io/library/app:latest'), expected)
  })

  test('skopeo copies it, umoci unpacks it, runc runs it', {
    skip: skipWithout('skopeo', 'umoci', 'runc'),
  }, async () => {
    const found = command('skopeo', ['inspect', '--tls-verify=false', `docker://${name}`])
    assert.deepEqual((JSON.parse(found) as { Layers: string[] }).Layers, diffIds)
    const oci = `${join(root, 'oci')}:latest`
    command('skopeo', ['copy', '-q', '--src-tls-verify=false', `docker://${name}`, `oci:${oci}`])
    assert.equal(runLayout(oci, root), expected)
  })

  test('so does the program itself', async () => {
    const copy = join(root, 'copy.tar')
    const { status, stderr } = await runAsync(['copy', `docker://${name}`, '-o', copy])
    assert.equal(status, 0, stderr)
    const copied = await readImage(copy)
    assert.equal(copied.imageId, imageId)
  })

  test('a file that changes while it is served: no client has the image', {
    skip: skipWithout('podman', 'skopeo'),
  }, async () => {
    const store = join(root, 'changing', 'store')
    mkdirSync(store, { recursive: true })
    const file = join(store, 'file')
    writeFileSync(file, 'one')
    const options = { store_dir: store, store_layers: [[file]], repo_tag: 'changing:latest' }
    const serving = await startServe([writeConf(join(root, 'changing'), options)])
    const proxy = await startProxy(serving.host)
    // Changed when the client knows the digest.
    proxy.passing = ({ url }) => {
      if (url?.includes('/manifests/')) writeFileSync(file, `${Math.random()}`)
    }
    const changing = `docker://${proxy.host}/changing:latest`
    const args = ['copy', '-q', '--src-tls-verify=false', changing, `oci:${join(root, 'changed')}:latest`]
    assert.notEqual((await spawned('skopeo', args)).status, 0)
    const podman = new Podman(join(root, 'podman-changing'))
    const pull = [...podman.options, 'pull', '-q', '--tls-verify=false', changing]
    assert.notEqual((await spawned('podman', pull)).status, 0)
    assert.deepEqual(podman.ids(), [''])
    await serving.said(/error: .*file' changed while the image was built/)
  })
})

/** A proxy that cuts off blobs of more than a megabyte in the middle, some times. */
async function cutting(host: string, times = 1): Promise<{ through: string; cut: { resumed: boolean } }> {
  const proxy = await startProxy(host)
  const cut = { resumed: false }
  let left = times
  proxy.passing = (incoming, answer, response) => {
    if (!incoming.url!.includes('/blobs/') || Number(answer.headers['content-length']) < 500_000) return
    if (/^bytes=[1-9]/.test(incoming.headers.range ?? '')) cut.resumed = true
    if (left-- <= 0) return
    let bytes = 0
    answer.on('data', (part: Buffer) => {
      bytes += part.length
      if (bytes > 300_000) response.destroy()
    })
  }
  return { through: `${proxy.host}/app:latest`, cut }
}
