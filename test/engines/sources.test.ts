/** Images are read from the engines that have them. */
import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, symlinkSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import type { ImageFacts } from '../../src/index.js'
import { Containerd, command, DockerEngine, Podman, skipWithout } from '../support/clients.js'
import { writeConf } from '../support/image.js'
import { runAsync, startCli } from '../support/run-async.js'
import { scratchDirectory } from '../support/scratch.js'
import { nixImage, writeTarImage } from '../support/tar-image.js'

const root = scratchDirectory()
const archive = join(root, 'app.tar')
const { imageId, diffIds } = writeTarImage(archive, nixImage(['app:1.0', 'app:latest']))
const temporary = join(root, 'tmp')
mkdirSync(temporary)
const env = { TMPDIR: temporary }

async function inspect(image: string, more: NodeJS.ProcessEnv): Promise<ImageFacts> {
  const { status, stdout, stderr } = await runAsync(['inspect', image, '--json'], { ...env, ...more })
  assert.deepEqual([status, stderr], [0, ''], stderr)
  return JSON.parse(stdout) as ImageFacts
}

function checkFacts({ imageId: found, layers, totals, platform }: ImageFacts): void {
  assert.deepEqual([found, layers.map(({ diffId }) => diffId)], [imageId, diffIds])
  assert.deepEqual([totals.storePaths, totals.bytes], [4, 291_030])
  assert.deepEqual(platform, { architecture: 'amd64', os: 'linux' })
}

async function refused(image: string, more: NodeJS.ProcessEnv, pattern: RegExp, expected = 1): Promise<void> {
  const { status, stdout, stderr } = await runAsync(['inspect', image], { ...env, ...more })
  assert.deepEqual([status, stdout], [expected, ''])
  assert.match(stderr, pattern)
  assert.match(stderr, /^stream-layered-image: error: [^\n]+\n(stream-layered-image: hint: [^\n]+\n)?$/)
}

/** Nothing is left of the copies that engines write. */
function checkTemporary(): void {
  assert.deepEqual(readdirSync(temporary), [])
}

test('docker-daemon: what docker has, as docker inspect tells it, and copied from there', {
  skip: skipWithout('dockerd', 'docker'),
}, async () => {
  const docker = await DockerEngine.start(join(root, 'docker'))
  const { DOCKER_HOST } = docker.env
  docker.call('load', '-i', archive)
  const facts = await inspect('docker-daemon:app:1.0', { DOCKER_HOST })
  checkFacts(facts)
  checkFacts(await inspect('docker-daemon:app', { DOCKER_HOST }))
  const [told] = JSON.parse(docker.call('inspect', 'app:1.0')) as {
    Id: string
    Os: string
    Architecture: string
    Created: string
    RepoTags: string[]
    RootFS: { Layers: string[] }
    Config: { Cmd: string[]; Env: string[] }
  }[]
  const { Cmd, Env } = facts.config as { Cmd: string[]; Env: string[] }
  assert.deepEqual(
    [facts.imageId, facts.platform.os, facts.platform.architecture, Cmd, Env],
    [told!.Id, told!.Os, told!.Architecture, told!.Config.Cmd, told!.Config.Env],
  )
  assert.deepEqual(facts.names, ['app:1.0'])
  assert.ok(told!.RepoTags.includes('app:1.0'))
  assert.deepEqual(
    facts.layers.map(({ diffId }) => diffId),
    told!.RootFS.Layers,
  )
  assert.equal(Date.parse(facts.created!), Date.parse(told!.Created))

  const copied = join(root, 'copied.tar')
  const copy = await runAsync(['copy', 'docker-daemon:app', '-o', copied], { ...env, DOCKER_HOST })
  assert.equal(copy.status, 0, copy.stderr)
  checkFacts(await inspect(copied, {}))
  const conf = writeConf(root, { from_image: 'docker-daemon:app:1.0' })
  const built = await runAsync([conf, '-o', join(root, 'built.tar')], { ...env, DOCKER_HOST })
  assert.equal(built.status, 0, built.stderr)
  const onTop = await inspect(join(root, 'built.tar'), {})
  assert.deepEqual(
    onTop.layers.slice(0, -1).map(({ diffId }) => diffId),
    diffIds,
  )
  await refused(
    'docker-daemon:nothing',
    { DOCKER_HOST },
    /docker-daemon:nothing: .*(no such image|reference does not exist)/i,
  )
  checkTemporary()
})

test('docker-daemon: no daemon, a broken connection, no name', async () => {
  await refused(
    'docker-daemon:app',
    { DOCKER_HOST: `unix://${root}/none` },
    /no answer at unix:.*: no such file/,
  )
  await refused('docker-daemon:', {}, /expected the name of an image, found none/, 2)
  const server = createServer((request, response) => {
    if (request.url === '/_ping') response.end('OK')
    else response.write(Buffer.alloc(1 << 20), () => response.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  after(() => server.close())
  const DOCKER_HOST = `tcp://127.0.0.1:${(server.address() as AddressInfo).port}`
  await refused('docker-daemon:app', { DOCKER_HOST }, /docker-daemon:app: the answer broke off/)
  checkTemporary()
})

test('stopped while the engine writes: nothing is left', async () => {
  let asked = (): void => {}
  const asking = new Promise<void>((resolve) => {
    asked = resolve
  })
  const server = createServer((request, response) => {
    if (request.url === '/_ping') response.end('OK')
    else response.write(Buffer.alloc(1 << 20), asked)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  after(() => {
    server.closeAllConnections()
    server.close()
  })
  const DOCKER_HOST = `tcp://127.0.0.1:${(server.address() as AddressInfo).port}`
  const { child, ended } = startCli(['inspect', 'docker-daemon:app'], { ...env, DOCKER_HOST })
  await asking
  child.kill('SIGINT')
  assert.equal((await ended).status, 130)
  checkTemporary()
})

describe('containers-storage', { skip: skipWithout('podman', 'buildah', 'skopeo', 'runc') }, () => {
  const podman = new Podman(join(root, 'storage'))
  const state = podman.env
  podman.call('load', '-i', archive)
  // As podman names what was built here.
  podman.call('tag', 'app:1.0', 'localhost/own:1.0', 'docker.io/library/app:1.0')

  for (const program of ['podman', 'buildah', 'skopeo'])
    test(`by ${program}`, async () => {
      const bin = join(root, `bin-${program}`)
      mkdirSync(bin)
      for (const name of program === 'podman' ? ['podman', 'runc', 'conmon'] : [program])
        symlinkSync(command('sh', ['-c', `command -v ${name}`]), join(bin, name))
      const PATH = bin
      checkFacts(await inspect('containers-storage:app:1.0', { ...state, PATH }))
      checkFacts(await inspect('containers-storage:localhost/own:1.0', { ...state, PATH }))
      await refused(
        'containers-storage:nothing',
        { ...state, PATH },
        /containers-storage:nothing: \w+: .*nothing/,
      )
      checkTemporary()
    })

  test('no program', () =>
    refused('containers-storage:app', { PATH: root }, /expected podman or buildah or skopeo on PATH/))
})

test('containerd: by ctr; no such image, no daemon', {
  skip: skipWithout('containerd', 'ctr'),
}, async () => {
  const directory = join(root, 'containerd')
  const containerd = await Containerd.start(directory)
  containerd.call('images', 'import', '--snapshotter', 'native', archive)
  const CONTAINERD_ADDRESS = join(directory, 's')
  const facts = await inspect('containerd:app:1.0', { CONTAINERD_ADDRESS })
  checkFacts(facts)
  const list = containerd.call('images', 'ls')
  assert.ok(list.includes(facts.manifest!.digest), list)
  await refused('containerd:nothing', { CONTAINERD_ADDRESS }, /containerd:nothing: ctr: .*not found/)
  await refused('containerd:app', { CONTAINERD_ADDRESS: join(root, 'none') }, /no answer at .*none/)
  checkTemporary()
})
