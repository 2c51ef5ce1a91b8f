/** One push under several names, for several platforms, with annotations, to old registries; real clients take it. */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { buildIndex } from '../../src/index.js'
import { readImage } from '../support/archive.js'
import { Containerd, command, DockerEngine, Podman, skipWithout } from '../support/clients.js'
import { runCli } from '../support/image.js'
import { buildClosure, closureConf } from '../support/nix-closure.js'
import { type Fault, startProxy, startRegistry } from '../support/registry.js'
import { resultOf, runAsync } from '../support/run-async.js'
import { scratchDirectory } from '../support/scratch.js'

const skip = skipWithout('docker-registry', 'curl', 'nix-store', 'busybox', 'skopeo')
const root = scratchDirectory()
const OCI = 'application/vnd.oci.image.'
const DOCKER = 'application/vnd.docker.distribution.manifest.'

interface Manifest {
  mediaType: string
  config: { digest: string; mediaType: string }
  layers: { mediaType: string; digest: string }[]
  manifests: { mediaType: string; digest: string; platform: Record<string, string> }[]
  annotations?: Record<string, string>
}

describe('names', { skip }, async () => {
  if (skip) return
  const closure = buildClosure(root)
  const conf = closureConf(join(root, 'app'), closure, null, 'app')
  const { imageId } = await readImage(runCli(conf).output)
  const registry = await startRegistry(join(root, 'registry'))
  const expected = `hello from app\n${closure.paths.length}`

  /** The same image for another platform, which nobody here runs. */
  const foreign = join(root, 'arm.json')
  const document = JSON.parse(readFileSync(conf, 'utf8')) as Record<string, unknown>
  writeFileSync(foreign, JSON.stringify({ ...document, architecture: 'arm64' }))

  const raw = (name: string): Manifest =>
    JSON.parse(command('skopeo', ['inspect', '--raw', '--tls-verify=false', `docker://${name}`])) as Manifest
  const tags = (repository: string): string[] =>
    (
      JSON.parse(command('curl', ['-sf', `http://${registry.host}/v2/${repository}/tags/list`])) as {
        tags: string[]
      }
    ).tags.sort()

  test('of -t are the tags of a repository that is named without one, and change no other', async () => {
    const repository = `docker://${registry.host}/many`
    const args = ['-t', 'app:1.2.3', '-t', 'other.example/app:1', '-o', repository]
    const run = resultOf(await runAsync([conf, ...args, '-o', `docker://${registry.host}/own:tag`]))
    assert.deepEqual(tags('many'), ['1', '1.2.3'])
    assert.deepEqual(tags('own'), ['tag'])
    // Whoever goes on with it finds it there.
    assert.equal(run.destinations![0]!.name, `${repository}:1.2.3`)
    assert.equal(run.destinations![0]!.uploaded!.layers, closure.paths.length + 1)
    for (const tag of ['1', '1.2.3']) assert.equal(raw(`${registry.host}/many:${tag}`).config.digest, imageId)
    resultOf(await runAsync([conf, '-o', repository]))
    assert.deepEqual(tags('many'), ['1', '1.2.3', 'latest'])
  })

  test('of -t are in archives, and in engines', {
    skip: skipWithout('dockerd', 'podman', 'buildah'),
  }, async () => {
    const engine = await DockerEngine.start(join(root, 'docker'))
    const podman = new Podman(join(root, 'storage'))
    const archive = join(root, 'named.tar')
    const env = { ...engine.env, ...podman.env }
    const names = ['-t', 'one:1', '-t', 'two/b:2']
    for (const round of [1, 2]) {
      const outputs = ['-o', archive, '-o', 'docker-daemon:', '-o', 'containers-storage:']
      resultOf(await runAsync([conf, ...names, ...outputs], env))
      assert.deepEqual((await readImage(archive)).manifest[0]!.RepoTags, ['one:1', 'two/b:2'], `${round}`)
      const docker = engine.call('images', '--format', '{{.Repository}}:{{.Tag}}').split('\n').sort()
      assert.deepEqual(docker, ['one:1', 'two/b:2'])
      for (const name of ['docker.io/library/one:1', 'docker.io/two/b:2'])
        assert.equal(podman.run(name), expected)
    }
    // One destination alone, where podman can be told the name.
    resultOf(await runAsync([conf, '-t', 'x:1', '-t', 'y:2', '-o', 'containers-storage:'], env))
    for (const name of ['x:1', 'y:2']) assert.equal(podman.run(name), expected)
  })

  test('of several configurations are one index, which clients take their platform from', {
    skip: skipWithout('dockerd', 'podman', 'containerd', 'runc'),
  }, async () => {
    const name = `${registry.host}/platforms`
    const layout = join(root, 'layout')
    const archive = join(root, 'index.tar')
    const annotation = ['--annotation', 'org.opencontainers.image.source=https://example.org/a=b']
    const outputs = [`docker://${name}:v1`, `oci:${layout}:v1`, `oci-archive:${archive}:v1`]
    const run = await runAsync([conf, foreign, ...annotation, ...outputs.flatMap((it) => ['-o', it])])
    assert.equal(run.status, 0, run.stderr)
    const result = JSON.parse(run.stdout) as Awaited<ReturnType<typeof buildIndex>>
    assert.deepEqual(
      result.images.map(({ platform }) => `${platform.os}/${platform.architecture}`),
      ['linux/amd64', 'linux/arm64'],
    )
    assert.equal(result.images[0]!.imageId, imageId)
    const layers = closure.paths.length + 1
    // Both have the same layers: they are made and sent once.
    assert.equal(result.destinations[0]!.uploaded!.layers, layers)
    assert.equal(result.destinations[0]!.skipped!.layers, layers)

    const index = raw(`${name}:v1`)
    assert.equal(index.mediaType, `${OCI}index.v1+json`)
    assert.deepEqual(index.annotations, { 'org.opencontainers.image.source': 'https://example.org/a=b' })
    assert.deepEqual(
      index.manifests.map(({ platform }) => platform),
      [
        { architecture: 'amd64', os: 'linux' },
        { architecture: 'arm64', os: 'linux' },
      ],
    )
    const own = raw(`${name}@${index.manifests[0]!.digest}`)
    assert.deepEqual([own.config.digest, own.annotations], [imageId, index.annotations])
    // All of it, by a client that checks every digest.
    for (const source of [`docker://${name}:v1`, `oci:${layout}:v1`, `oci-archive:${archive}:v1`]) {
      const copy = join(root, `copy-${source.split(':')[0]}`)
      command('skopeo', ['copy', '-q', '--all', '--src-tls-verify=false', source, `oci:${copy}:x`])
      const [entry] = (JSON.parse(readFileSync(join(copy, 'index.json'), 'utf8')) as Manifest).manifests
      assert.equal(entry!.mediaType, `${OCI}index.v1+json`, source)
    }

    const engine = await DockerEngine.start(join(root, 'docker-2'))
    engine.call('pull', '-q', `${name}:v1`)
    assert.deepEqual(engine.ids(), [imageId])
    assert.equal(engine.run(`${name}:v1`), expected)
    const podman = new Podman(join(root, 'podman'))
    podman.call('pull', '-q', '--tls-verify=false', `${name}:v1`)
    assert.deepEqual(
      podman.ids(),
      [imageId.slice(7)].map((id) => `sha256:${id}`),
    )
    assert.equal(podman.run(`${name}:v1`), expected)
    const containerd = await Containerd.start(join(root, 'containerd'))
    containerd.call('images', 'pull', '--plain-http', '--snapshotter', 'native', `${name}:v1`)
    assert.equal(containerd.run(`${name}:v1`), expected)

    // The next one is built from what is there, and read as an image for this machine.
    const again = await runAsync([conf, foreign, '-o', outputs[0]!])
    assert.equal((JSON.parse(again.stdout) as typeof result).destinations[0]!.uploaded!.layers, 0)
    resultOf(await runAsync(['copy', outputs[0]!, '-o', `oci:${join(root, 'copied')}:x`]))
  })

  test('of several configurations are refused by what takes one image, and for one platform', async () => {
    const layout = join(root, 'refused')
    for (const [args, message] of [
      [
        [],
        /standard output: expected one configuration, found several \[DESTINATION_INVALID\]\n.*hint: .*oci:DIR/,
      ],
      [['-o', join(root, 'x.tar')], /x\.tar: expected one configuration, found several/],
      [['-o', `oci:${layout}`, '-o', 'docker-daemon:'], /docker-daemon:: expected one configuration/],
      [['-o', `oci:${layout}`, '--known', conf], /--known: expected one configuration/],
    ] as const) {
      const run = await runAsync([conf, foreign, ...args])
      assert.deepEqual([run.status, run.stdout], [2, ''])
      assert.match(run.stderr, message)
    }
    const twice = await runAsync([conf, conf, '-o', `oci:${layout}`])
    assert.match(
      twice.stderr,
      /expected a configuration for each platform, found two for linux\/amd64 \[OPTION_INVALID\]/,
    )
    assert.equal(twice.status, 2)
    await assert.rejects(buildIndex({ confs: [], destinations: ['oci:x'] }), { code: 'OPTION_INVALID' })
  })

  test('annotations that are none are wrong usage', async () => {
    for (const text of ['x', '=x', '']) {
      const run = await runAsync([conf, '-o', `oci:${join(root, 'no')}`, '--annotation', text])
      assert.equal(run.status, 2)
      assert.match(run.stderr, /expected KEY=VALUE, found/)
    }
  })

  for (const [what, code] of [
    ['415', 415],
    ['400', 400],
  ] as const)
    test(`a registry that answers manifests of OCI with ${what} gets Docker's`, async () => {
      const proxy = await startProxy(registry.host)
      const refused: Fault = {
        when: ({ method, headers }) => method === 'PUT' && headers['content-type']!.startsWith(OCI),
        act: (request, response) => {
          request.resume()
          request.on('end', () => response.writeHead(code).end('{"errors":[{"code":"MANIFEST_INVALID"}]}'))
        },
      }
      proxy.faults = [refused]
      const name = `old-${what}`
      const file = join(root, 'digest')
      const run = resultOf(
        await runAsync([conf, '-o', `docker://${proxy.host}/${name}:v1`, '--digest-file', file]),
      )
      const manifest = raw(`${registry.host}/${name}:v1`)
      assert.equal(manifest.mediaType, `${DOCKER}v2+json`)
      assert.equal(manifest.config.mediaType, 'application/vnd.docker.container.image.v1+json')
      assert.equal(manifest.config.digest, imageId)
      const inspected = JSON.parse(
        command('skopeo', ['inspect', '--tls-verify=false', `docker://${registry.host}/${name}:v1`]),
      ) as { Digest: string }
      assert.deepEqual([run.manifestDigest, readFileSync(file, 'utf8')], [inspected.Digest, inspected.Digest])
      command('skopeo', [
        ...['copy', '-q', '--src-tls-verify=false', `docker://${registry.host}/${name}:v1`],
        `dir:${join(root, `pulled-${what}`)}`,
      ])
      // What is there is a previous image all the same.
      const next = resultOf(await runAsync([conf, '-o', `docker://${proxy.host}/${name}:v2`]))
      assert.equal(next.destinations![0]!.uploaded!.layers, 0)
      const both = await runAsync([conf, foreign, '-o', `docker://${proxy.host}/${name}:both`])
      assert.equal(both.status, 0, both.stderr)
      const list = raw(`${registry.host}/${name}:both`)
      assert.equal(list.mediaType, `${DOCKER}list.v2+json`)
      assert.deepEqual(
        list.manifests.map(({ mediaType }) => mediaType),
        [`${DOCKER}v2+json`, `${DOCKER}v2+json`],
      )
    })

  test('a registry that refuses both says why, once, and has no tag', async () => {
    const proxy = await startProxy(registry.host)
    proxy.faults = [
      {
        when: ({ method, url }) => method === 'PUT' && url!.includes('/manifests/'),
        act: (request, response) => {
          request.resume()
          request.on('end', () =>
            response.writeHead(400).end('{"errors":[{"code":"DENIED_BY_POLICY","message":"no"}]}'),
          )
        },
      },
    ]
    const run = await runAsync([conf, '-o', `docker://${proxy.host}/refusing:v1`])
    assert.equal(run.status, 1)
    assert.match(run.stderr, /cannot put the manifest sha256:.*DENIED_BY_POLICY: no.*\[REGISTRY_FAILED\]/)
    assert.equal(run.stderr.match(/error:/g)?.length, 1)
  })

  test('garbage collection after a push that was cut off leaves the images whole', async () => {
    const proxy = await startProxy(registry.host)
    const before = `${registry.host}/collected:v1`
    resultOf(await runAsync([conf, '-o', `docker://${before}`]))
    const other = join(root, 'other.json')
    writeFileSync(
      other,
      JSON.stringify({
        ...document,
        created: '1980-01-01T00:00:00+00:00',
        mtime: '1980-01-01T00:00:00+00:00',
      }),
    )
    proxy.faults = [
      {
        when: ({ method, url }) => method === 'PUT' && url!.includes('/manifests/'),
        act: (request) => void request.socket.destroy(),
      },
    ]
    const cut = await runAsync([other, '-o', `docker://${proxy.host}/collected:v1`])
    assert.equal(cut.status, 1, cut.stderr)
    command('docker-registry', ['garbage-collect', join(root, 'registry', 'config.yml')])
    command('skopeo', [
      'copy',
      '-q',
      '--src-tls-verify=false',
      `docker://${before}`,
      `dir:${join(root, 'gc')}`,
    ])
  })
})
